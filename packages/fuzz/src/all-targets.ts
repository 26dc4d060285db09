/** Every target, the quick ones first. */

import { ENDPOINT_TARGETS } from "./endpoints/endpoint-targets.js";
import { FILE_TARGETS } from "./endpoints/file-targets.js";
import type { Target } from "./engine/target.js";
import { CLIENT_SEQUENCES } from "./targets/client-sequences.js";
import { DECODER_TARGETS } from "./targets/decoders.js";
import { HTTP1_TARGETS } from "./targets/http1.js";
import { NODE_SEQUENCES } from "./targets/node-sequences.js";
import { REST } from "./targets/rest.js";
import { TEXT_TARGETS } from "./targets/texts.js";

/** Targets that run in this process. */
export const LOCAL_TARGETS: readonly Target[] = [
  ...DECODER_TARGETS,
  ...TEXT_TARGETS,
  ...HTTP1_TARGETS,
  REST,
  NODE_SEQUENCES,
  CLIENT_SEQUENCES,
];

/** Targets that attack processes. */
export const PROCESS_TARGETS: readonly Target[] = [...ENDPOINT_TARGETS, ...FILE_TARGETS];

export const ALL_TARGETS: readonly Target[] = [...LOCAL_TARGETS, ...PROCESS_TARGETS];
