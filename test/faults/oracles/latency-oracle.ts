/** How long updates took from their program to each view. */
import { type LogLine, type ProgramName, processOf, type ShownLine } from "../log-line.js";

export interface Latency {
  /** When the update was asked for. */
  readonly at: number;
  readonly ms: number;
  /** Process of the view. */
  readonly process: string;
}

/** Updates that are remembered: views that hear of one later are not measured. */
const UPDATE_COUNT_MAX = 20_000;

interface Update {
  /** Undefined until the line of its program is read. */
  askedAt: number | undefined;
  /** Views whose lines were read before. */
  readonly early: { readonly at: number; readonly program: ProgramName }[];
}

export class LatencyOracle {
  readonly latencies: Latency[] = [];
  /** By program, instance and serial: an instance that is registered later bears a serial too. */
  readonly #updates = new Map<string, Update>();
  /** By view and instance. */
  readonly #serials = new Map<string, number>();

  take(line: LogLine): void {
    if (line.type === "shown") this.#takeShown(line);
    else if (line.type === "asked" && line.ask === "update" && line.serial !== undefined) {
      const update = this.#updateOf(line.program, `${line.service}/${line.id}`, line.serial);
      update.askedAt = line.at;
      for (const { at, program } of update.early.splice(0)) this.#sample(line.at, at, program);
    }
  }

  #takeShown({ at, id, owner, program, serial, service }: ShownLine): void {
    const key = `${program} ${service}/${id} ${owner}`;
    const before = this.#serials.get(key);
    this.#serials.set(key, serial);
    // The first word of an instance may be of any age.
    if (before === undefined || serial <= before) return;
    const update = this.#updateOf(owner, `${service}/${id}`, serial);
    if (update.askedAt === undefined) update.early.push({ at, program });
    else this.#sample(update.askedAt, at, program);
  }

  #sample(askedAt: number, shownAt: number, program: ProgramName): void {
    this.latencies.push({ at: askedAt, ms: shownAt - askedAt, process: processOf(program) });
  }

  #updateOf(owner: ProgramName, instance: string, serial: number): Update {
    const key = `${owner} ${instance} ${serial}`;
    const known = this.#updates.get(key);
    if (known !== undefined) return known;
    const update: Update = { askedAt: undefined, early: [] };
    this.#updates.set(key, update);
    const [oldest = ""] = this.#updates.keys();
    if (this.#updates.size > UPDATE_COUNT_MAX) this.#updates.delete(oldest);
    return update;
  }
}
