/** Instances and options for tests and benchmarks: only what matters to the case is named. */
import { InstanceLoad } from "../call/instance-load.js";
import { Liveness } from "../instance.js";
import { SeededRandom } from "../random.js";
import { InstanceState } from "../record.js";
import type { PickerOptions, ViewInstance } from "./picker.js";

export interface ViewInstanceInput
  extends Partial<Pick<ViewInstance, "id" | "state" | "liveness" | "weight" | "since">> {
  readonly activeCount?: number;
  readonly group?: string;
  readonly version?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An instance that is up and alive, nowhere in particular, unless the input says otherwise. */
export function viewInstance(input: ViewInstanceInput = {}): ViewInstance {
  const { activeCount, group, version, region, zone, metadata, ...fields } = input;
  const weight = input.weight ?? 100;
  return {
    namespace: "default",
    service: "orders",
    id: "a",
    stamp: { incarnation: 1, session: 1, claim: 0 },
    since: 1,
    state: InstanceState.up,
    liveness: Liveness.alive,
    description: {
      group: group ?? "",
      version: version ?? "",
      region: region ?? "",
      zone: zone ?? "",
      endpoints: [],
      weight,
      metadata: metadata ?? {},
      startWallTime: 0,
    },
    ownerNodeId: "node",
    load: new InstanceLoad(activeCount),
    ...fields,
    weight,
  };
}

/** `count` instances, made by index; ids are `i0`, `i1`, … unless the input names them. */
export function viewInstances(
  count: number,
  inputOf: (index: number) => ViewInstanceInput = () => ({}),
): ViewInstance[] {
  return Array.from({ length: count }, (_, index) =>
    viewInstance({ id: `i${index}`, ...inputOf(index) }),
  );
}

/** Options with the defaults of the client and a fixed seed. */
export function pickerOptions(options: Partial<PickerOptions> = {}): PickerOptions {
  return {
    policy: "random",
    random: new SeededRandom(1),
    caller: { region: "", zone: "" },
    regionOrder: [],
    panicRatio: 0.5,
    prefersNear: true,
    ...options,
  };
}
