import type { PeerLinksCounters } from "../replica/peer-links.js";

/** What a node counts over its life; for metrics. */
export interface NodeCounters extends PeerLinksCounters {
  changesPushed: number;
  sessionsOpened: number;
  leasesLapsed: number;
  leasesHeld: number;
  recordsAdopted: number;
  superseded: number;
  stalls: number;
  routesDropped: number;
  accusationsTaken: number;
  accusationsRetracted: number;
  accusationsRefused: number;
  accusationsDoubted: number;
  accusationsRefuted: number;
  accusationsMoot: number;
  accusationsUnroutable: number;
  instancesAccused: number;
  instancesCleared: number;
}

/** All at 0. */
export function createCounters(): NodeCounters {
  return {
    deltasSent: 0,
    deltasReceived: 0,
    recordsSent: 0,
    recordsReceived: 0,
    repairRounds: 0,
    resetsSent: 0,
    resetsReceived: 0,
    divergences: 0,
    gaps: 0,
    poisonedRecords: 0,
    refusedParts: 0,
    changesPushed: 0,
    sessionsOpened: 0,
    leasesLapsed: 0,
    leasesHeld: 0,
    recordsAdopted: 0,
    superseded: 0,
    stalls: 0,
    routesDropped: 0,
    accusationsTaken: 0,
    accusationsRetracted: 0,
    accusationsRefused: 0,
    accusationsDoubted: 0,
    accusationsRefuted: 0,
    accusationsMoot: 0,
    accusationsUnroutable: 0,
    instancesAccused: 0,
    instancesCleared: 0,
  };
}
