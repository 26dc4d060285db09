/** A program with one registration: lives until it is killed, or drains on SIGTERM. */
import { connect } from "@fpzk/client";

const plan = JSON.parse(process.argv[2] ?? "{}") as {
  readonly service: string;
  readonly id: string;
  readonly region: string;
  readonly servers: readonly string[];
};
const client = await connect({
  servers: plan.servers,
  region: plan.region,
  drainsOnSigterm: true,
});
await client.register({
  service: plan.service,
  id: plan.id,
  endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80 }],
});
process.send?.({ type: "registered" });
process.on("disconnect", () => process.exit(0));
