/** A subscriber that waits for instances to become suspect. */
import { decodeSessionMessage } from "@fpzk/protocol";
import { sharedNowMs } from "./clock.js";
import { RawSession } from "./raw-session.js";

const SUSPECT_TIMEOUT_MS = 60_000;
const HEARTBEAT_INTERVAL_MS = 500;

export class SuspectWatch {
  readonly #session: RawSession;
  readonly #heartbeats: NodeJS.Timeout;
  readonly #waiting = new Map<string, (nowMs: number) => void>();

  private constructor(session: RawSession) {
    this.#session = session;
    this.#heartbeats = setInterval(() => session.heartbeat(), HEARTBEAT_INTERVAL_MS);
    session.onFrame = (payload) => this.#read(payload);
  }

  static async open(address: string, service: string): Promise<SuspectWatch> {
    const session = await RawSession.open({ address, clientId: "suspect-watch" });
    const watch = new SuspectWatch(session);
    session.watch(service);
    return watch;
  }

  /** Resolves with the time of telling; call it before what it waits for. */
  suspect(id: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${id} must become suspect within ${SUSPECT_TIMEOUT_MS} ms`)),
        SUSPECT_TIMEOUT_MS,
      );
      this.#waiting.set(id, (nowMs) => {
        clearTimeout(timer);
        resolve(nowMs);
      });
    });
  }

  close(): void {
    clearInterval(this.#heartbeats);
    this.#session.close();
  }

  #read(payload: Buffer): void {
    const nowMs = sharedNowMs();
    const decoded = decodeSessionMessage(payload);
    if (!decoded.ok || decoded.message.type !== "change") return;
    for (const group of decoded.message.groups) {
      for (const record of group.records) {
        if (!record.isSuspect) continue;
        this.#waiting.get(record.id)?.(nowMs);
        this.#waiting.delete(record.id);
      }
    }
  }
}
