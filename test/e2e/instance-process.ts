/**
 * A program with one registration: lives until it is killed, or drains on SIGTERM. Tells its parent
 * when it is registered, and when another process took over its id.
 */
import { connect } from "@fpzk/client";

/** What the program is to do. */
export interface InstancePlan {
  readonly service: string;
  readonly id: string;
  readonly region: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

const plan = JSON.parse(process.argv[2] ?? "{}") as InstancePlan & { servers: readonly string[] };
const client = await connect({
  servers: plan.servers,
  region: plan.region,
  drainsOnSigterm: true,
});
const handle = await client.register({
  service: plan.service,
  id: plan.id,
  endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80 }],
  ...(plan.metadata === undefined ? {} : { metadata: plan.metadata }),
});
process.send?.({ type: "registered" });
void handle.superseded.then(() => process.send?.({ type: handle.status }));
process.on("disconnect", () => process.exit(0));
