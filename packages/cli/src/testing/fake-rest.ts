/** For tests of commands: an HTTP server that answers what the test says and notes what is asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

export interface FakeRest extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
}

export type Answerer = (asked: Asked, response: ServerResponse) => void;

export async function startFakeRest(answer: Answerer): Promise<FakeRest> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const one: Asked = {
        method: request.method ?? "",
        url: request.url ?? "",
        authorization: request.headers.authorization,
        body,
      };
      asked.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function answerJson(response: ServerResponse, value: unknown, status = 200): void {
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type }).end(JSON.stringify(value));
}

export function answerProblem(response: ServerResponse, status: number, code: string): void {
  const problem = {
    type: `urn:fpzk:error:${code}`,
    title: "T",
    status,
    detail: `why ${code}`,
    code,
  };
  answerJson(response, problem, status);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const part of request) text += String(part);
  return text === "" ? undefined : JSON.parse(text);
}
