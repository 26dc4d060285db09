import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import test from "node:test";
import type { DrainResult, FpzkClient, RegistrationHandle } from "@fpzk/client";
import { RegistryError } from "@fpzk/core";
import type { Child, ChildEnd } from "./child.js";
import { RegisteredCommand, type RegisteredCommandOptions } from "./registered-command.js";

const EMPTY: DrainResult = { confirmedCount: 0, unconfirmed: [] };

/** A command, a registry and what happened to them in order. */
class Stage {
  readonly events: string[] = [];
  readonly said: string[] = [];
  #waiters: { readonly text: string; readonly resolve: () => void }[] = [];
  #end: (end: ChildEnd) => void = () => {};
  #isRunning = true;
  /** What `drain` resolves with; the test may hold it back. */
  drained: Promise<DrainResult> = Promise.resolve(EMPTY);
  /** What each attempt to connect throws, in order; then it succeeds. */
  connectErrors: Error[] = [];
  /** Signals that end the command. */
  fatalSignals: readonly string[] = ["SIGTERM", "SIGINT", "SIGKILL"];
  onHandle: (handle: { status: string }) => void = () => {};

  readonly child: Child = {
    ended: new Promise((resolve) => {
      this.#end = resolve;
    }),
    isRunning: () => this.#isRunning,
    kill: (signal) => {
      this.note(`kill ${signal}`);
      if (this.fatalSignals.includes(signal)) this.end(143);
    },
  };

  end(exitCode: number, startFailure?: string): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#end({ exitCode, startFailure });
  }

  note(text: string): void {
    this.events.push(text);
    this.#waiters = this.#waiters.filter((waiter) => {
      if (waiter.text !== text) return true;
      waiter.resolve();
      return false;
    });
  }

  seen(text: string): Promise<void> {
    if (this.events.includes(text)) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ text, resolve }));
  }

  readonly connect: RegisteredCommandOptions["connect"] = async () => {
    this.note("connect");
    const error = this.connectErrors.shift();
    if (error !== undefined) throw error;
    const handle = this.#handle();
    return {
      register: async () => {
        this.note("register");
        return handle;
      },
      close: async () => this.note("close"),
    } as unknown as FpzkClient;
  };

  #handle(): RegistrationHandle {
    const handle = {
      service: "hello",
      id: "a",
      status: "registered",
      superseded: new Promise<void>(() => {}),
      drain: () => {
        this.note("drain");
        return this.drained;
      },
      deregister: async () => {
        this.note("deregister");
        handle.status = "removed";
      },
    };
    this.onHandle(handle);
    return handle as unknown as RegistrationHandle;
  }
}

async function withListener(use: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

function start(stage: Stage, port: number, change: Partial<RegisteredCommandOptions> = {}) {
  const command = new RegisteredCommand({
    child: stage.child,
    connect: stage.connect,
    registration: { service: "hello", endpoints: [{ port }] },
    probe: { type: "tcp", host: "127.0.0.1", port },
    readyTimeoutMs: 60_000,
    drainTimeoutMs: 60_000,
    lingerMs: 0,
    stopTimeoutMs: 60_000,
    sharesTerminal: false,
    say: (text) => {
      stage.said.push(text);
      stage.note("said");
    },
    ...change,
  });
  return { command, ended: command.run() };
}

test("the command's end deregisters it and gives its exit code", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    const { ended } = start(stage, port);
    await stage.seen("said");
    stage.end(7);
    assert.equal(await ended, 7);
    assert.deepEqual(stage.events, ["connect", "register", "said", "close"]);
    assert.deepEqual(stage.said, ["registered hello/a"]);
  });
});

test("SIGTERM drains, only then reaches the command, then deregisters", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    let confirm: (result: DrainResult) => void = () => {};
    stage.drained = new Promise((resolve) => {
      confirm = resolve;
    });
    const { command, ended } = start(stage, port);
    await stage.seen("said");
    command.signal("SIGTERM");
    await stage.seen("drain");
    assert.ok(stage.child.isRunning() && !stage.events.includes("kill SIGTERM"));
    confirm({ confirmedCount: 1, unconfirmed: ["n1/c2"] });
    assert.equal(await ended, 143);
    const after = stage.events.filter((event) => event !== "said").slice(2);
    assert.deepEqual(after.slice(0, 3), ["drain", "kill SIGTERM", "deregister"]);
    assert.ok(stage.said.includes("these may still call: n1/c2"));
  });
});

test("the command serves on for the linger after everyone confirmed, unless in a hurry", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    stage.drained = Promise.resolve({ confirmedCount: 2, unconfirmed: [] });
    const { command, ended } = start(stage, port, { lingerMs: 60_000 });
    await stage.seen("said");
    command.signal("SIGTERM");
    await stage.seen("drain");
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(stage.said.includes("drained: 2 subscribers confirmed"));
    assert.ok(stage.child.isRunning() && !stage.events.includes("kill SIGTERM"));
    command.signal("SIGTERM");
    assert.equal(await ended, 143);
  });
});

test("a second signal skips the wait of the drain", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    stage.drained = new Promise(() => {});
    const { command, ended } = start(stage, port);
    await stage.seen("said");
    command.signal("SIGTERM");
    await stage.seen("drain");
    command.signal("SIGTERM");
    assert.equal(await ended, 143);
  });
});

test("SIGINT and SIGHUP are passed on without a drain", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    const { command, ended } = start(stage, port);
    await stage.seen("said");
    command.signal("SIGHUP");
    assert.ok(stage.child.isRunning() && stage.events.includes("kill SIGHUP"));
    command.signal("SIGINT");
    await ended;
    assert.ok(stage.events.includes("kill SIGINT") && !stage.events.includes("drain"));
  });
});

test("a terminal's Ctrl-C is not given to the command twice", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    const { command, ended } = start(stage, port, { sharesTerminal: true });
    await stage.seen("said");
    command.signal("SIGINT");
    await stage.seen("deregister");
    stage.end(130);
    assert.equal(await ended, 130);
    assert.ok(!stage.events.includes("kill SIGINT"));
  });
});

test("a command that ignores its signal is killed after the stop timeout", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    stage.fatalSignals = ["SIGKILL"];
    const { command, ended } = start(stage, port, { stopTimeoutMs: 20 });
    await stage.seen("said");
    command.signal("SIGTERM");
    await ended;
    assert.ok(stage.events.includes("kill SIGKILL"));
  });
});

test("a command that is never ready is ended and never registered", async () => {
  const stage = new Stage();
  const { ended } = start(stage, 1, { readyTimeoutMs: 50 });
  assert.equal(await ended, 1);
  assert.deepEqual(stage.events, ["said", "kill SIGTERM"]);
  assert.match(
    stage.said[0] ?? "",
    /tcp 127\.0\.0\.1:1 was not ready within 50 ms \(ECONNREFUSED\)/,
  );
});

test("a command that ends before it is ready is never registered", async () => {
  const stage = new Stage();
  const { ended } = start(stage, 1);
  stage.end(127, "there is no such command");
  assert.equal(await ended, 127);
  assert.deepEqual(stage.said, ["cannot start the command: there is no such command"]);
  assert.deepEqual(stage.events, ["said"]);
});

test("a signal before readiness reaches the command at once", async () => {
  const stage = new Stage();
  const { command, ended } = start(stage, 1);
  command.signal("SIGTERM");
  assert.equal(await ended, 143);
  assert.deepEqual(stage.events, ["kill SIGTERM"]);
});

test("a registry that is down lets the command run, and is tried again", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    stage.connectErrors = [new RegistryError("unavailable", "no server answered")];
    const { ended } = start(stage, port);
    await stage.seen("register");
    assert.ok(stage.child.isRunning());
    stage.end(0);
    assert.equal(await ended, 0);
    assert.match(stage.said[0] ?? "", /no server answered; the command runs, trying on/);
  });
});

test("a registry that refuses ends the command with the exit code for it", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    stage.connectErrors = [new RegistryError("unauthenticated", "no token was given")];
    const { ended } = start(stage, port);
    assert.equal(await ended, 4);
    assert.ok(stage.events.includes("kill SIGTERM"));
  });
});

test("an instance that another process took over is not drained", async () => {
  await withListener(async (port) => {
    const stage = new Stage();
    let handle: { status: string } | undefined;
    stage.onHandle = (made) => {
      handle = made;
    };
    const { command, ended } = start(stage, port);
    await stage.seen("said");
    assert.ok(handle !== undefined);
    handle.status = "superseded";
    command.signal("SIGTERM");
    await ended;
    assert.ok(!stage.events.includes("drain") && !stage.events.includes("deregister"));
  });
});
