/** What a client machine is made with. */
import type { Random } from "../random.js";
import type { ServerAddress } from "./client-events.js";
import type { BodyDecoder } from "./service-view.js";

export interface ClientMachineOptions {
  readonly namespace: string;
  readonly token: string;
  /** Stable for this process. */
  readonly clientId: string;
  readonly region: string;
  readonly zone: string;
  readonly agent: string;
  readonly tls: boolean;
  readonly seeds: readonly ServerAddress[];
  readonly random: Random;
  readonly decoder: BodyDecoder;
  /** How long changes of a view gather before `save-views`; undefined never saves. */
  readonly saveDelayMs: number | undefined;
}
