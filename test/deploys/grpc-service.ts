/** The service by gRPC: the same answer as by HTTP, once or three times. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Client,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import type { InstanceAnswer } from "./plan.js";

/** Where the proxies' route for gRPC begins. */
export const GRPC_PREFIX = "/demo.Orders";
/** Answers of a streamed call. */
const STREAM_COUNT = 3;

export interface GrpcQuestion {
  readonly echo: string;
  readonly waitMs: number;
}

export interface GrpcServer {
  /** Resolves when the last call has ended. */
  end(): Promise<void>;
}

const toBytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const questionOf = (bytes: Buffer) => JSON.parse(bytes.toString()) as GrpcQuestion;
const answerOf = (bytes: Buffer) => JSON.parse(bytes.toString()) as InstanceAnswer;

function method(name: string, responseStream: boolean) {
  return {
    path: `${GRPC_PREFIX}/${name}`,
    ...{ requestStream: false, responseStream },
    ...{ requestSerialize: toBytes, requestDeserialize: questionOf },
    ...{ responseSerialize: toBytes, responseDeserialize: answerOf },
  };
}

const METHODS = { echo: method("echo", false), echoes: method("echoes", true) };

export async function startGrpcServer(who: {
  readonly id: string;
  readonly version: string;
  readonly port: number;
}): Promise<GrpcServer> {
  const { id, version, port } = who;
  const answer = ({ echo }: GrpcQuestion) => ({ id, version, echo, bodyBytes: 0 });
  const echo: handleUnaryCall<GrpcQuestion, InstanceAnswer> = (call, callback) => {
    void sleep(call.request.waitMs).then(() => callback(null, answer(call.request)));
  };
  const echoes: handleServerStreamingCall<GrpcQuestion, InstanceAnswer> = async (call) => {
    for (let count = 1; count <= STREAM_COUNT; count += 1) {
      if (count === STREAM_COUNT) await sleep(call.request.waitMs);
      call.write(answer(call.request));
    }
    call.end();
  };
  const server = new Server();
  server.addService(METHODS, { echo, echoes });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return { end: () => new Promise((resolve) => server.tryShutdown(() => resolve())) };
}

export interface GrpcAsk extends GrpcQuestion {
  readonly isStream: boolean;
  readonly timeoutMs: number;
}

/** One call; rejects unless it has its whole answer. */
export function askByGrpc(client: Client, ask: GrpcAsk): Promise<InstanceAnswer> {
  const { echo, waitMs, isStream, timeoutMs } = ask;
  const question: GrpcQuestion = { echo, waitMs };
  const options = { deadline: Date.now() + timeoutMs };
  const { path } = isStream ? METHODS.echoes : METHODS.echo;
  return new Promise((resolve, reject) => {
    if (!isStream) {
      client.makeUnaryRequest(
        ...([path, toBytes, answerOf, question, new Metadata(), options] as const),
        (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
      );
      return;
    }
    const answers: InstanceAnswer[] = [];
    const call = client.makeServerStreamRequest(
      ...([path, toBytes, answerOf, question, new Metadata(), options] as const),
    );
    call.on("data", (answer: InstanceAnswer) => answers.push(answer));
    call.on("error", reject);
    call.on("end", () => {
      const [answer] = answers;
      if (answer !== undefined && answers.length === STREAM_COUNT) resolve(answer);
      else reject(new Error(`${answers.length} of ${STREAM_COUNT} answers of a stream`));
    });
  });
}
