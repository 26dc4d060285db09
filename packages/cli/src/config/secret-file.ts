/** Keys that a setting names by file. */
import { CliError } from "../cli-error.js";
import { ExitCode } from "../exit-code.js";
import type { Io } from "../io.js";
import { type SecretTexts, type ServerConfig, serverSchema } from "./server-config.js";

const SECRET_FILE_MAX_BYTES = 4_096;

/** Reads the files of `clusterSecretFile` and `tokenKeyFile`; all faults at once. */
export function readSecretFiles(config: ServerConfig, io: Io): SecretTexts {
  const faults: string[] = [];
  const read = (name: "clusterSecret" | "tokenKey"): string | undefined => {
    const path = config[`${name}File`];
    if (path === undefined) return undefined;
    try {
      const text = io.readFile(path, SECRET_FILE_MAX_BYTES).trim();
      const parsed = serverSchema.shape[name].safeParse(text);
      if (!parsed.success) {
        faults.push(`${name}File: ${path} holds ${Buffer.byteLength(text)} bytes, too few or many`);
      }
      return text;
    } catch (error) {
      faults.push(`${name}File: ${(error as Error).message}`);
      return undefined;
    }
  };
  const secrets = { clusterSecret: read("clusterSecret"), tokenKey: read("tokenKey") };
  if (faults.length > 0) throw new CliError(ExitCode.usage, faults.join("\n      "));
  return secrets;
}
