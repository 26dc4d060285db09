/**
 * Errors as `application/problem+json`.
 *
 * The status follows from the code through core's ERROR_CODES, except where HTTP itself refuses
 * (no such route, media type, size): those carry their own status.
 *
 * @see RFC 9457
 */
import { ERROR_CODES, type ErrorCode, RegistryError } from "@fpzk/core";

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** Problems named in one answer; more than these help nobody. */
export const PROBLEM_ERROR_COUNT_MAX = 100;

/** One thing wrong with the input. */
export interface InputProblem {
  /** Where: `body/endpoints/0/port`, `query/state`, `path/id`, `header/authorization`. */
  readonly path: string;
  /** What was there, shortened; null when nothing was. */
  readonly value: string | number | boolean | null;
  readonly message: string;
  /** The bound that was broken, when there is one. */
  readonly bound?: string | number;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly errors?: readonly InputProblem[];
}

/** A refusal by this face: what was wrong with the request. */
export class RequestFault extends RegistryError {
  readonly httpStatus: number;
  readonly errors: readonly InputProblem[] | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { httpStatus?: number; errors?: readonly InputProblem[] },
  ) {
    super(code, message);
    this.httpStatus = options?.httpStatus ?? ERROR_CODES[code].httpStatus;
    this.errors = options?.errors;
  }
}

/** One fault in one place of the input. */
export function inputFault(problem: InputProblem): RequestFault {
  return new RequestFault("invalid_argument", `${problem.path} ${problem.message}`, {
    errors: [problem],
  });
}

/** Any error as a problem. Errors that are no refusals become `internal` and keep their text back. */
export function toProblem(error: unknown): Problem {
  const known = error instanceof RegistryError || isRegistryLike(error) ? error : undefined;
  if (known === undefined) {
    return describe("internal", 500, "the node failed to answer; its log has the reason");
  }
  const detail = known.message.replace(`[${known.code}] `, "");
  const problem = describe(
    known.code,
    known instanceof RequestFault ? known.httpStatus : ERROR_CODES[known.code].httpStatus,
    detail,
  );
  const errors = known instanceof RequestFault ? known.errors : undefined;
  return errors === undefined ? problem : { ...problem, errors };
}

function isRegistryLike(error: unknown): error is RegistryError {
  return RegistryError.from(error) === error;
}

function describe(code: ErrorCode, status: number, detail: string): Problem {
  return { type: `urn:fpzk:error:${code}`, title: TITLES[code], status, detail, code };
}

const TITLES: Readonly<Record<ErrorCode, string>> = {
  cancelled: "The caller gave up",
  unknown: "Unknown error",
  invalid_argument: "Bad input",
  deadline_exceeded: "Too late",
  not_found: "Not found",
  already_exists: "Already exists",
  permission_denied: "Not allowed",
  resource_exhausted: "A limit is reached",
  failed_precondition: "Not possible in this state",
  aborted: "Aborted by a concurrent change",
  out_of_range: "Out of range",
  unimplemented: "Not offered here",
  internal: "Internal error",
  unavailable: "Not available now",
  data_loss: "Data lost",
  unauthenticated: "Who are you?",
};
