/** What {@link PeerLinks} is given by its owner. */
import type { PeerMessage } from "../messages.js";
import type { LinkKey } from "../node/events.js";
import type { Replica } from "./replica.js";

export interface PeerLinksCounters {
  deltasSent: number;
  deltasReceived: number;
  recordsSent: number;
  recordsReceived: number;
  repairRounds: number;
  resetsSent: number;
  resetsReceived: number;
  divergences: number;
  gaps: number;
  /** Records, and stretches of them, that could not be read. */
  poisonedRecords: number;
  /** Parts of messages that were left out: nobody could tell, or believe, what they are about. */
  refusedParts: number;
}

export interface PeerLinksOptions {
  readonly replica: Replica;
  readonly region: string;
  /** Whether a process can have begun with such a generation. Default: always. */
  readonly isPlausibleGeneration?: (generation: number) => boolean;
  readonly send: (links: readonly LinkKey[], message: PeerMessage) => void;
  readonly note: (
    level: "info" | "warn",
    event: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ) => void;
  readonly counters: PeerLinksCounters;
}
