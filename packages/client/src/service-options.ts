/** The option `services` of `connect`: checked at once, not at the first call. */
import { RegistryError } from "@fpzk/core";
import { checkName } from "@fpzk/protocol";
import type { ServiceOptions } from "./api.js";
import { completeBalancing } from "./balancing-options.js";
import { completeCallOptions } from "./calls/call-options.js";

/** Where nothing is picked: only the options are looked at. */
const NOWHERE = { random: { next: () => 0 }, caller: { region: "", zone: "" } };

/** Every fault of every service, with the service's name and the option's value and bound. */
export function serviceFaults(services: Readonly<Record<string, ServiceOptions>>): string[] {
  const faults: string[] = [];
  for (const [service, options] of Object.entries(services)) {
    const refusal = checkName("service", service);
    if (refusal !== undefined) {
      faults.push(`services: ${refusal.message}`);
      continue;
    }
    for (const check of [completeCallOptions, balancing]) {
      try {
        check(service, options);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        faults.push(`services: ${error.message}`);
      }
    }
  }
  return faults;
}

function balancing(service: string, options: ServiceOptions): void {
  completeBalancing(service, options, NOWHERE);
}
