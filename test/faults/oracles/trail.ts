/** The last things that happened to each instance and each program, to explain a violation. */
import { type LogLine, type ProgramName, processOf } from "../log-line.js";

const LINE_COUNT_MAX = 24;
const NAME_COUNT_MAX = 20_000;

export class Trail {
  /** By `service/id`, program or process; the one touched last comes last. */
  readonly #lines = new Map<string, string[]>();
  readonly #lastShown = new Map<string, string>();

  take(line: LogLine): void {
    const at = line.at.toFixed(1);
    switch (line.type) {
      case "shown":
      case "removed": {
        const word =
          line.type === "shown"
            ? `${line.state} ${line.liveness} serial ${line.serial}`
            : `removed, ${line.reason}`;
        const text = `(${line.stamp.join(", ")}) ${word} of ${line.owner}`;
        const name = `${line.service}/${line.id}`;
        // Each view shows it: the first one that does is told.
        if (this.#lastShown.get(name) === text) return;
        this.#lastShown.set(name, text);
        this.#add(name, `${at} ${line.program} sees ${text}`);
        return;
      }
      case "asked":
        this.#add(`${line.service}/${line.id}`, `${at} ${line.program} asks ${line.ask}`);
        return;
      case "answered": {
        const unconfirmed = line.unconfirmed ?? [];
        const more = unconfirmed.length > 0 ? `, unconfirmed ${unconfirmed.join()}` : "";
        const text = `${at} ${line.program} is answered ${line.ask} ${line.outcome}${more}`;
        this.#add(`${line.service}/${line.id}`, text);
        return;
      }
      case "superseded":
        this.#add(`${line.service}/${line.id}`, `${at} ${line.program} is superseded`);
        return;
      case "online":
      case "offline":
        this.#add(line.program, `${at} ${line.type} ${line.nodeId}`);
        return;
      case "killed":
      case "stopped":
      case "continued":
      case "started":
        this.#add(line.process, `${at} ${line.type}`);
        return;
      case "stalled":
        this.#add(line.process, `${at} stood still for ${line.elapsedMs} ms`);
        return;
      default:
        return;
    }
  }

  /** What is known of a name, newest last. */
  of(name: string): readonly string[] {
    return this.#lines.get(name) ?? [];
  }

  /** What is known of everything that a text names. */
  explain(text: string): string {
    const words = new Set(text.match(/[\w-]+(?:\/[\w-]+)+/g) ?? []);
    for (const word of [...words]) words.add(processOf(word as ProgramName));
    return [...words]
      .filter((word) => this.of(word).length > 0)
      .map((word) => [`${word}:`, ...this.of(word).map((line) => `    ${line}`)].join("\n"))
      .join("\n");
  }

  #add(name: string, text: string): void {
    const lines = this.#lines.get(name) ?? [];
    this.#lines.delete(name);
    this.#lines.set(name, lines);
    lines.push(text);
    if (lines.length > LINE_COUNT_MAX) lines.shift();
    if (this.#lines.size <= NAME_COUNT_MAX) return;
    const [oldest = ""] = this.#lines.keys();
    this.#lines.delete(oldest);
    this.#lastShown.delete(oldest);
  }
}
