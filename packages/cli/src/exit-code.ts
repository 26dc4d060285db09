/** What the exit code of `fpzk` means; `docs/cli.md` and `fpzk --help` show this table. */
import type { ErrorCode } from "@fpzk/core";

export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unavailable: 5,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const EXIT_CODES: readonly { readonly code: ExitCode; readonly meaning: string }[] = [
  { code: ExitCode.ok, meaning: "done" },
  { code: ExitCode.failed, meaning: "failed, or done in part: see the message" },
  { code: ExitCode.usage, meaning: "wrong arguments or settings; nothing was done" },
  { code: ExitCode.notFound, meaning: "no such service, instance or server" },
  { code: ExitCode.refused, meaning: "refused: no token, or one without the right" },
  { code: ExitCode.unavailable, meaning: "no server answered, or it is not ready: try again" },
];

/** The exit code for each error code of FPZK; total, so that a new code must be decided here. */
const EXIT_CODE_OF: Readonly<Record<ErrorCode, ExitCode>> = {
  cancelled: ExitCode.failed,
  unknown: ExitCode.failed,
  invalid_argument: ExitCode.usage,
  deadline_exceeded: ExitCode.unavailable,
  not_found: ExitCode.notFound,
  already_exists: ExitCode.failed,
  permission_denied: ExitCode.refused,
  resource_exhausted: ExitCode.unavailable,
  failed_precondition: ExitCode.failed,
  aborted: ExitCode.failed,
  out_of_range: ExitCode.usage,
  unimplemented: ExitCode.failed,
  internal: ExitCode.failed,
  unavailable: ExitCode.unavailable,
  data_loss: ExitCode.failed,
  unauthenticated: ExitCode.refused,
};

export function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_CODE_OF[code];
}
