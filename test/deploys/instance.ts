/**
 * One instance of the service: an HTTP server that registers itself with the embedded client, and
 * leaves on SIGTERM by what the client does without code of its own. Runs as a process of its own.
 *
 * For callers in other regions it has a public endpoint: a wire with a delay, which is not in this
 * process, for what it answered last is still on its way when it ends.
 */
import { connect } from "@fpzk/client";
import { startGrpcServer } from "./grpc-service.js";
import { startInstanceServer } from "./instance-server.js";
import { type Behaviour, GRPC_METADATA, type InstancePlan, SERVICE } from "./plan.js";

const plan = JSON.parse(process.argv[2] ?? "{}") as InstancePlan;
process.on("disconnect", () => process.exit(1));

const server = await startInstanceServer(plan);
const grpcServer = await startGrpcServer({ ...plan, port: plan.grpcPort });
const client = await connect({
  servers: plan.servers,
  region: plan.region,
  clientId: plan.id,
  drainsOnSigterm: true,
  finish: () => grpcServer.end(),
});
await client.register({
  service: SERVICE,
  id: plan.id,
  version: plan.version,
  endpoints: [
    { protocol: "http", host: "127.0.0.1", port: server.port },
    { protocol: "http", host: "127.0.0.1", port: plan.publicPort, reach: "public" },
    { protocol: "grpc", host: "127.0.0.1", port: plan.grpcPort },
    { protocol: "grpc", host: "127.0.0.1", port: plan.publicGrpcPort, reach: "public" },
  ],
  metadata: GRPC_METADATA,
});
process.on("message", (behaviour) => server.behave(behaviour as Behaviour));
process.send?.({ type: "ready" });
