/** The processes of one benchmark: started together, ended together. */
import type { BenchContext } from "./bench.js";
import type { LoadHandlers } from "./load-process.js";
import type { RelayHandlers } from "./relay-process.js";
import { type Handlers, Remote } from "./remote.js";
import type { ServerHandlers, ServerStart } from "./server-process.js";

export interface BenchServer {
  readonly address: string;
  readonly remote: Remote<ServerHandlers>;
}

export class Stage implements AsyncDisposable {
  readonly #context: BenchContext;
  readonly #remotes: Remote<Handlers>[] = [];

  constructor(context: BenchContext) {
    this.#context = context;
  }

  async server(options: ServerStart = {}): Promise<BenchServer> {
    const remote = this.#keep(
      Remote.start<ServerHandlers>("server-process", this.#context.serverExecArgv),
    );
    return { remote, address: await remote.call("start", options) };
  }

  /** A bare relay in a server's place. */
  async relay(): Promise<{ address: string; remote: Remote<RelayHandlers> }> {
    const remote = this.#keep(Remote.start<RelayHandlers>("relay-process"));
    return { remote, address: await remote.call("start", undefined) };
  }

  /** A process with sessions to a server. */
  async load(
    server: Pick<BenchServer, "address">,
    options: { count: number; name: string; keepAliveMs?: number },
  ): Promise<Remote<LoadHandlers>> {
    const remote = this.#keep(Remote.start<LoadHandlers>("load-process"));
    await remote.call("open", { address: server.address, ...options });
    return remote;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Load first: a server that ends before would be seen as a failure.
    for (const remote of this.#remotes.reverse()) await remote.stop();
  }

  #keep<H extends Handlers>(remote: Remote<H>): Remote<H> {
    this.#remotes.push(remote as unknown as Remote<Handlers>);
    return remote;
  }
}
