/** What a person or a scene does to a simulated world. */
export type Deed =
  /** Ends a process at once; with `isHostLost` nobody is told. */
  | { readonly type: "kill"; readonly key: string; readonly isHostLost?: boolean }
  /** Asks a node to leave: its sessions move first. */
  | { readonly type: "stop"; readonly key: string }
  | { readonly type: "start"; readonly key: string }
  | { readonly type: "freeze"; readonly key: string; readonly durationMs: number }
  | { readonly type: "register"; readonly key: string }
  | { readonly type: "drain"; readonly key: string }
  | { readonly type: "deregister"; readonly key: string }
  /** Ends a program's process and starts it in another region, with the same instance id. */
  | { readonly type: "move"; readonly key: string; readonly region: string }
  /** Cuts one way between two actors. */
  | { readonly type: "cut"; readonly from: string; readonly to: string }
  /** Ends the cuts between two actors. */
  | { readonly type: "mend"; readonly from: string; readonly to: string }
  /** Cuts one actor from all others. */
  | { readonly type: "isolate"; readonly key: string }
  | { readonly type: "reconnect"; readonly key: string }
  | { readonly type: "cut-region"; readonly region: string }
  | { readonly type: "mend-region"; readonly region: string }
  /** Ends every cut and makes the network as quick as it was. */
  | { readonly type: "mend-all" }
  /** Makes every wire between regions so many times as long. */
  | { readonly type: "slow"; readonly factor: number }
  /** Loses a share of the messages between nodes, 0 to 1. */
  | { readonly type: "lose"; readonly ratio: number };

/** A deed and when it is done, in simulated milliseconds from the beginning of the world. */
export interface TimedDeed {
  readonly at: number;
  readonly deed: Deed;
}

/** A deed in words, for the log. */
export function deedText(deed: Deed): string {
  switch (deed.type) {
    case "kill":
      return deed.isHostLost === true ? `the host of ${deed.key} is lost` : `kill -9 ${deed.key}`;
    case "stop":
      return `${deed.key} is asked to stop`;
    case "start":
      return `${deed.key} starts`;
    case "freeze":
      return `${deed.key} stands still for ${deed.durationMs / 1_000} s`;
    case "register":
      return `${deed.key} registers its instance`;
    case "drain":
      return `${deed.key} drains its instance`;
    case "deregister":
      return `${deed.key} deregisters its instance`;
    case "move":
      return `${deed.key} is moved to ${deed.region}`;
    case "cut":
      return `the way from ${deed.from} to ${deed.to} is cut`;
    case "mend":
      return `the ways between ${deed.from} and ${deed.to} are open again`;
    case "isolate":
      return `${deed.key} is cut off from everybody`;
    case "reconnect":
      return `${deed.key} is connected again`;
    case "cut-region":
      return `region ${deed.region} is cut off`;
    case "mend-region":
      return `region ${deed.region} is connected again`;
    case "mend-all":
      return "every way is open again";
    case "slow":
      return `wires between regions take ${deed.factor} times as long`;
    case "lose":
      return `${Math.round(100 * deed.ratio)} % of the messages between nodes are lost`;
  }
}
