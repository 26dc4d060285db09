// What a run of the tests prints: a line for each file as it ends, each failure in full, the
// slowest files, and the closing lines of Node's runner as they are.
import { relative, resolve } from "node:path";
import { inspect } from "node:util";

const SLOWEST_COUNT = 15;
/** Kept of what a file writes, and shown when it fails: its end. */
const OUTPUT_MAX_LENGTH = 8_000;

export class TestReport {
  #fileCount;
  #files = new Map();
  #failures = [];
  #skipped = [];
  #closing = [];
  #isComplete = false;

  constructor(files) {
    this.#fileCount = files.length;
    for (const file of files) {
      this.#files.set(resolve(file), { durationMs: undefined, output: "", isFailed: false });
    }
  }

  /** Takes one event of the runner's stream. */
  take(type, data) {
    const file = data.file === undefined ? undefined : this.#files.get(resolve(data.file));
    if (type === "test:complete" && isFile(data)) this.#endFile(file, data);
    else if (type === "test:fail") this.#fail(file, data);
    else if (type === "test:pass") this.#pass(data);
    else if (type === "test:stdout" || type === "test:stderr") append(file, data.message);
    else if (type === "test:diagnostic" && data.nesting === 0) this.#close(data.message);
  }

  /** Prints the end; returns the exit code. */
  end() {
    const failed = [...this.#files].filter(([, { isFailed }]) => isFailed);
    for (const [path, { output }] of failed) {
      if (output !== "") print(`\n--- output of ${shown(path)}\n${output.trimEnd()}`);
    }
    this.#printSlowest();
    if (this.#failures.length > 0) {
      print("\nfailed:", ...this.#failures.map((name) => `  ${name}`));
    }
    if (this.#skipped.length > 0) print("\nskipped:", ...this.#skipped.map((line) => `  ${line}`));
    const unfinished = [...this.#files].filter(([, { durationMs }]) => durationMs === undefined);
    for (const [path] of unfinished) print(`did not end: ${shown(path)}`);
    print("", ...this.#closing.map((line) => `# ${line}`));
    const isGood =
      this.#isComplete &&
      this.#failures.length === 0 &&
      unfinished.length === 0 &&
      ["fail 0", "cancelled 0"].every((line) => this.#closing.includes(line));
    return isGood ? 0 : 1;
  }

  #endFile(file, data) {
    if (file === undefined) return;
    file.durationMs = data.details.duration_ms;
    const doneCount = [...this.#files.values()].filter((f) => f.durationMs !== undefined).length;
    const width = String(this.#fileCount).length;
    const place = `${String(doneCount).padStart(width)}/${this.#fileCount}`;
    print(`${place} ${seconds(file.durationMs)} ${shown(data.name)}`);
  }

  /** What was left out is said, with its reason. */
  #pass({ name, skip }) {
    if (typeof skip === "string" && skip !== "") this.#skipped.push(`${name}: ${skip}`);
  }

  #fail(file, data) {
    if (file !== undefined) file.isFailed = true;
    const { error } = data.details;
    // A suite that fails because a test in it failed says nothing new.
    if (error?.failureType === "subtestsFailed" && !isFile(data)) return;
    if (data.todo !== undefined || data.skip !== undefined) return;
    const place = data.file === undefined ? "" : `${shown(data.file)}: `;
    const title = isFile(data) ? "(the file itself)" : data.name;
    this.#failures.push(`${place}${title}`);
    print(`\nFAILED ${place}${title}`, inspect(error?.cause ?? error, { depth: 8 }), "");
  }

  #close(message) {
    this.#closing.push(message);
    if (message.startsWith("tests ")) this.#isComplete = true;
  }

  #printSlowest() {
    const slowest = [...this.#files]
      .filter(([, { durationMs }]) => durationMs !== undefined)
      .sort(([, a], [, b]) => b.durationMs - a.durationMs)
      .slice(0, SLOWEST_COUNT);
    print("\nslowest files:");
    for (const [path, { durationMs }] of slowest) print(`${seconds(durationMs)} ${shown(path)}`);
  }
}

/** A file is a test of the runner, too; its name is its path. */
function isFile(data) {
  return data.nesting === 0 && data.file !== undefined && resolve(data.name) === resolve(data.file);
}

function append(file, text) {
  if (file !== undefined) file.output = (file.output + text).slice(-OUTPUT_MAX_LENGTH);
}

function shown(path) {
  return relative(process.cwd(), path);
}

function seconds(durationMs) {
  return `${(durationMs / 1_000).toFixed(1).padStart(6)} s`;
}

function print(...lines) {
  process.stdout.write(`${lines.join("\n")}\n`);
}
