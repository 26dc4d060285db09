/** Which registrations stand, by what programs asked and were answered. */
import { type LogLine, type ProgramName, processOf } from "../log-line.js";

export class Standing {
  /** Lines of a process may be read after the one that says that it was killed. */
  readonly #killed = new Set<string>();
  /** Program by `service/id`: who registered last. */
  readonly #owners = new Map<string, ProgramName>();

  take(line: LogLine): void {
    switch (line.type) {
      case "answered":
        if (this.#killed.has(processOf(line.program))) return;
        if (line.ask === "register" && line.outcome === "ok") {
          this.#owners.set(`${line.service}/${line.id}`, line.program);
        }
        return;
      case "asked":
        if (line.ask === "deregister") this.#remove(`${line.service}/${line.id}`, line.program);
        else if (line.ask === "close") this.#removeAll((program) => program === line.program);
        return;
      case "superseded":
        this.#remove(`${line.service}/${line.id}`, line.program);
        return;
      case "killed":
        if (line.isServer) return;
        this.#killed.add(line.process);
        this.#removeAll((program) => processOf(program) === line.process);
        return;
      default:
        return;
    }
  }

  get owners(): ReadonlyMap<string, ProgramName> {
    return this.#owners;
  }

  #remove(name: string, program: ProgramName): void {
    if (this.#owners.get(name) === program) this.#owners.delete(name);
  }

  #removeAll(isGone: (program: ProgramName) => boolean): void {
    for (const [name, program] of this.#owners) if (isGone(program)) this.#owners.delete(name);
  }
}
