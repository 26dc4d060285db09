/** From arguments to an exit code. */
import { Command, CommanderError } from "commander";
import { describeFailure } from "./cli-error.js";
import { COMMANDS } from "./command.js";
import { EXIT_CODES, ExitCode } from "./exit-code.js";
import type { Io } from "./io.js";

/** Runs one command; `args` are without the program's name. Never throws. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let exitCode: number = ExitCode.ok;
  try {
    const program = createProgram(io);
    const called = args.find((arg) => !arg.startsWith("-"));
    const name = called === "help" ? args[args.indexOf("help") + 1] : called;
    for (const entry of COMMANDS) {
      const command = program.command(entry.name).summary(entry.summary).description(entry.summary);
      command.showHelpAfterError(`(see fpzk ${entry.name} --help)`);
      if (entry.name !== name) continue;
      const { configure } = await entry.load();
      await configure(command, io, (code) => {
        exitCode = code;
      });
    }
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has told the user; help and version are no failures.
      return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    }
    const failure = describeFailure(error);
    io.stderr.write(`fpzk: ${failure.message}\n`);
    return failure.exitCode;
  }
}

function createProgram(io: Io): Command {
  const program = new Command("fpzk")
    .description("FPZK: a service registry for programs that run in many regions at once")
    .version(`fpzk ${VERSION}`, "-V, --version", "show the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help of a command")
    .showHelpAfterError("(see fpzk --help)")
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "fpzk: ")),
      getOutHelpWidth: () => io.stdout.columnCount ?? 100,
      getErrHelpWidth: () => io.stderr.columnCount ?? 100,
    });
  program.addHelpText("after", () => exitCodeHelp());
  program.addHelpText(
    "after",
    `
Try:
  fpzk server                              a registry on 127.0.0.1:7100
  fpzk register --service hello --port 8080 -- python3 -m http.server 8080
  fpzk services                            what is registered
  fpzk watch hello                         what changes, as it happens
`,
  );
  return program;
}

/** Also the version of every package of the workspace. */
const VERSION = "0.1.0";

function exitCodeHelp(): string {
  const lines = EXIT_CODES.map(({ code, meaning }) => `  ${code}  ${meaning}`);
  return `\nExit codes:\n${lines.join("\n")}\n  register ends with the code of its command, 128+n for a signal`;
}
