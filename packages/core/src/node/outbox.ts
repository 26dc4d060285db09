import type { ErrorCode } from "../errors.js";
import type { PeerMessage, SessionMessage } from "../messages.js";
import type { Effect, LinkKey, SessionKey } from "./events.js";

/** Gathers the effects of one step, in order. */
export class Outbox {
  #effects: Effect[] = [];

  take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  add(effect: Effect): void {
    this.#effects.push(effect);
  }

  toSession(session: SessionKey, message: SessionMessage): void {
    this.#effects.push({ type: "send-sessions", sessions: [session], message });
  }

  toSessions(sessions: readonly SessionKey[], message: SessionMessage): void {
    if (sessions.length > 0) this.#effects.push({ type: "send-sessions", sessions, message });
  }

  closeSession(session: SessionKey, code: ErrorCode, message: string): void {
    this.#effects.push({ type: "close-session", session, code, message });
  }

  toLinks(links: readonly LinkKey[], message: PeerMessage): void {
    if (links.length > 0) this.#effects.push({ type: "send-links", links, message });
  }

  note(
    level: "debug" | "info" | "warn" | "error",
    event: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void {
    this.#effects.push({ type: "note", level, event, fields });
  }
}
