/** What can happen to a client, and what it asks its driver to do: closed unions, both. */
import type { ErrorCode } from "../errors.js";
import type { SessionMessage, SessionRequest } from "../messages.js";
import type { ViewInstance } from "../pick/picker.js";
import type { InstanceState, Scope } from "../record.js";
import type { Instant } from "../time.js";
import type { SavedView } from "./saved-view.js";
import type { InstanceChange } from "./service-view.js";

/** Where to connect to. */
export interface ServerAddress {
  /** `host:port`; IPv6 in brackets. */
  readonly address: string;
  /** Name for TLS when `address` is what a DNS name resolved to; undefined: the host itself. */
  readonly serverName: string | undefined;
}

interface Command {
  /** Chosen by the driver, never reused; names the answer. */
  readonly commandId: number;
  /** Until it fails with `deadline_exceeded`. Infinity waits for ever. */
  readonly timeoutMs: number;
  readonly service: string;
}

export type ClientCommand =
  | (Command & {
      readonly type: "register";
      readonly id: string;
      readonly scope: Scope;
      readonly state: InstanceState;
      readonly body: Uint8Array;
    })
  | (Command & { readonly type: "update"; readonly id: string; readonly body: Uint8Array })
  /** Up or offline. */
  | (Command & { readonly type: "set-state"; readonly id: string; readonly state: InstanceState })
  | (Command & { readonly type: "drain"; readonly id: string })
  | (Command & { readonly type: "deregister"; readonly id: string })
  | (Command & { readonly type: "query" });

/** What calls taught of a connection to one life of an instance. */
export interface Accusation {
  readonly service: string;
  readonly id: string;
  readonly incarnation: number;
  readonly isRetraction: boolean;
}

export type ClientEvent =
  | { readonly type: "start" }
  /** What the seeds' names resolve to now. */
  | { readonly type: "seeds"; readonly servers: readonly ServerAddress[] }
  /** The socket of a `connect` effect is open. */
  | { readonly type: "connected"; readonly attempt: number }
  | { readonly type: "connect-failed"; readonly attempt: number; readonly cause: string }
  | { readonly type: "message"; readonly attempt: number; readonly message: SessionMessage }
  /** The socket ended, whoever ended it. */
  | { readonly type: "disconnected"; readonly attempt: number; readonly cause: string }
  /** Time passed; also sent when {@link ClientMachine.nextDeadline} came. */
  | { readonly type: "tick" }
  /** All commands that were at hand are in: what can be sent together is sent. */
  | { readonly type: "turn-end" }
  | { readonly type: "watch"; readonly service: string; readonly saved?: SavedView }
  | { readonly type: "unwatch"; readonly service: string }
  /** Calls taught that an instance cannot be reached, or, `isRetraction`, can again. */
  | ({ readonly type: "accuse" } & Accusation)
  /** Says goodbye, which deregisters what is left, and ends. */
  | { readonly type: "close" }
  | ClientCommand;

export type CommandOutcome =
  | { readonly kind: "done" }
  | {
      readonly kind: "drained";
      readonly confirmedCount: number;
      readonly unconfirmed: readonly string[];
    }
  | { readonly kind: "instances"; readonly instances: readonly ViewInstance[] };

/** What is known of one view beside its instances. */
export interface ViewState {
  readonly isComplete: boolean;
  readonly isCurrent: boolean;
  readonly isRestored: boolean;
  /** When it was last known to be current; undefined if never in this process. */
  readonly lastCurrentAt: Instant | undefined;
}

export type RegistrationStatus = "registering" | "registered" | "superseded" | "removed";

/** Effects are performed in the order given, and encoded before the next `step`. */
export type ClientEffect =
  /** Answer with `connected` or `connect-failed`. */
  | {
      readonly type: "connect";
      readonly attempt: number;
      readonly server: ServerAddress;
      readonly tls: boolean;
    }
  /** Ends the socket of an attempt, open or not, after what was sent. No event is awaited. */
  | { readonly type: "disconnect"; readonly attempt: number }
  /** From here on `send` means the socket of this attempt. */
  | { readonly type: "attach"; readonly attempt: number }
  | { readonly type: "send"; readonly message: SessionRequest }
  /** No server is left to try: look the seeds' names up again and send `seeds`. */
  | { readonly type: "resolve-seeds" }
  | { readonly type: "online"; readonly nodeId: string; readonly address: string }
  | { readonly type: "offline"; readonly cause: string }
  | {
      readonly type: "server-failed";
      readonly address: string;
      readonly code: ErrorCode;
      readonly message: string;
    }
  /** Replace pickers before performing the next effect: it may confirm a drain. */
  | {
      readonly type: "view-changed";
      readonly service: string;
      readonly changes: readonly InstanceChange[];
    }
  | { readonly type: "view-state"; readonly service: string; readonly state: ViewState }
  | {
      readonly type: "watch-refused";
      readonly service: string;
      readonly code: ErrorCode;
      readonly message: string;
    }
  | {
      readonly type: "command-done";
      readonly commandId: number;
      readonly outcome: CommandOutcome;
    }
  | {
      readonly type: "command-failed";
      readonly commandId: number;
      readonly code: ErrorCode;
      readonly message: string;
    }
  | {
      readonly type: "registration";
      readonly service: string;
      readonly id: string;
      readonly status: RegistrationStatus;
    }
  /** These views changed since they were last saved. */
  | { readonly type: "save-views"; readonly services: readonly string[] }
  | {
      readonly type: "note";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly event: string;
      readonly fields: Readonly<Record<string, string | number | boolean>>;
    }
  /** Nothing more will happen. */
  | { readonly type: "closed" };

/** Where the parts of a client put what they want done, in order. */
export interface ClientOutbox {
  emit(effect: ClientEffect): void;
  /** A wire request id, rising over the whole life of the client. */
  nextRequestId(): number;
}
