/** Every program that has settings. */
import { proxyConfigKind } from "./proxy-config.js";
import type { ConfigKind } from "./relation.js";
import { serverConfigKind } from "./server-config.js";

export const CONFIG_KINDS: readonly ConfigKind[] = [serverConfigKind, proxyConfigKind];
