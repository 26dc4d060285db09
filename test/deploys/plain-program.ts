/**
 * The same service as a program that knows nothing of FPZK: `fpzk register -- node …` runs it.
 * On SIGTERM it stops listening, finishes what runs, and ends.
 */
import { startInstanceServer } from "./instance-server.js";

const [id = "", version = ""] = process.argv.slice(2);
const server = await startInstanceServer({ id, version, port: Number(process.env["PORT"]) });
process.once("SIGTERM", () => void server.close().then(() => process.exit(0)));
