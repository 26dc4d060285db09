/** Which registrations stand, by what programs asked and were answered. */
import { type LogLine, type ProgramName, processOf } from "../log-line.js";

export class Standing {
  /** Lines of a process may be read after the one that says that it was killed. */
  readonly #killed = new Set<string>();
  /** By `service/id`: programs that registered it and have not let go, who did so last at the end. */
  readonly #claims = new Map<string, readonly ProgramName[]>();
  /** Who is at the end of each. */
  readonly #owners = new Map<string, ProgramName>();

  take(line: LogLine): void {
    switch (line.type) {
      case "answered":
        if (this.#killed.has(processOf(line.program))) return;
        if (line.ask === "register" && line.outcome === "ok") {
          this.#claim(`${line.service}/${line.id}`, line.program);
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

  /** One for each `service/id`: of two that claim it, the other is told that it was superseded. */
  get owners(): ReadonlyMap<string, ProgramName> {
    return this.#owners;
  }

  #claim(name: string, program: ProgramName): void {
    const others = (this.#claims.get(name) ?? []).filter((one) => one !== program);
    this.#set(name, [...others, program]);
  }

  #remove(name: string, program: ProgramName): void {
    this.#set(
      name,
      (this.#claims.get(name) ?? []).filter((one) => one !== program),
    );
  }

  #set(name: string, claims: readonly ProgramName[]): void {
    const owner = claims.at(-1);
    if (owner === undefined) {
      this.#claims.delete(name);
      this.#owners.delete(name);
    } else {
      this.#claims.set(name, claims);
      this.#owners.set(name, owner);
    }
  }

  #removeAll(isGone: (program: ProgramName) => boolean): void {
    for (const [name, claims] of this.#claims) {
      for (const program of claims) if (isGone(program)) this.#remove(name, program);
    }
  }
}
