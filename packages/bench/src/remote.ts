/**
 * Calls into a child process: servers and load run in processes of their own.
 *
 * A child serves named handlers; its parent calls them and gets what they return. Whatever a child
 * throws is thrown in the parent.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Handlers by name: each takes one plain value and may be asynchronous. */
// biome-ignore lint/suspicious/noExplicitAny: what a handler takes is its own type, checked at the call.
export type Handlers = Readonly<Record<string, (args: any) => unknown>>;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Longest wait for one answer: no benchmark hangs. */
const CALL_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 10_000;

/** In a child: answers calls until the parent is gone. */
export function serveHandlers(handlers: Handlers): void {
  process.on("message", (call: Call) => {
    void answerOf(handlers, call).then((answer) => process.send?.(answer));
  });
  process.on("disconnect", () => process.exit());
}

async function answerOf(handlers: Handlers, { id, name, args }: Call): Promise<Answer> {
  try {
    const handler = handlers[name];
    if (handler === undefined) throw new Error(`no handler is named ${name}`);
    return { id, result: await handler(args) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** In the parent: one child and its handlers. */
export class Remote<H extends Handlers> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (answer: Answer) => this.#settle(answer));
    child.on("exit", (code, signal) => this.#failAll(`the child ended (${signal ?? code})`));
  }

  /** @param script - File name beside this one, without ending. */
  static start<H extends Handlers>(script: string, execArgv: readonly string[] = []): Remote<H> {
    const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url));
    const child = fork(path, [], { execArgv: [...execArgv], serialization: "advanced" });
    return new Remote<H>(child);
  }

  call<Name extends keyof H & string>(
    name: Name,
    args: Parameters<H[Name]>[0],
  ): Promise<Awaited<ReturnType<H[Name]>>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle({ id, error: `${name} must answer within ${CALL_TIMEOUT_MS} ms` }),
        CALL_TIMEOUT_MS,
      );
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        if (answer.error !== undefined) reject(new Error(answer.error));
        else resolve(answer.result as Awaited<ReturnType<H[Name]>>);
      });
      this.#child.send({ id, name, args } satisfies Call, (error) => {
        if (error !== null) this.#settle({ id, error: String(error) });
      });
    });
  }

  /** Sends a signal, without waiting. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Lets the child end, then makes it. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    if (this.#child.connected) this.#child.disconnect();
    await exited;
    clearTimeout(timer);
  }

  #settle(answer: Answer): void {
    const settle = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    settle?.(answer);
  }

  #failAll(error: string): void {
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, error });
  }
}
