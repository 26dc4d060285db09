/** One HTTP or HTTPS exchange on a connection of its own, as curl does it. */
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TLSSocket } from "node:tls";

export interface Exchange {
  readonly method?: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly token?: string | undefined;
  /** PEM text of the CA to trust, for https. */
  readonly ca?: string | undefined;
}

export interface Answer {
  readonly status: number;
  /** The JSON document, or the text where it is none; undefined when there is none. */
  readonly body: unknown;
  /** Of the certificate that the server showed; undefined without TLS. */
  readonly serialNumber: string | undefined;
}

/** An answer that takes longer has failed. */
const ANSWER_TIMEOUT_MS = 15_000;

export async function exchange(url: string, wanted: Exchange = {}): Promise<Answer> {
  const text = wanted.body === undefined ? undefined : JSON.stringify(wanted.body);
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  const request = send(url, {
    method: wanted.method ?? "GET",
    agent: false,
    timeout: ANSWER_TIMEOUT_MS,
    headers: {
      ...(wanted.token === undefined ? {} : { authorization: `Bearer ${wanted.token}` }),
      ...(text === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(wanted.ca === undefined ? {} : { ca: wanted.ca }),
  });
  request.on("timeout", () => request.destroy(new Error(`${url} did not answer in time`)));
  request.end(text);
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  const socket = answer.socket as TLSSocket;
  const serialNumber = socket.encrypted ? socket.getPeerCertificate().serialNumber : undefined;
  answer.setEncoding("utf8");
  let received = "";
  for await (const part of answer) received += part as string;
  return { status: answer.statusCode ?? 0, body: parse(received), serialNumber };
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
