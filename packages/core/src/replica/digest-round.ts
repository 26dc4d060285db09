/** What a node says of itself in a round of digests. */
import type { DigestEntry, DigestMessage, RepairRequest } from "../messages.js";
import type { Replica } from "./replica.js";

export interface DigestOptions {
  readonly hears: readonly string[];
  readonly isReady: boolean;
  readonly repair: RepairRequest;
  readonly ended?: DigestMessage["ended"];
}

export function digestOf(
  { floors }: Replica,
  entries: readonly DigestEntry[],
  { hears, isReady, repair, ended = [] }: DigestOptions,
): DigestMessage {
  return { type: "digest", entries, floors, hears, isReady, repair, ended };
}
