/**
 * The one error that FPZK's interfaces raise for faults of the outside world.
 *
 * Codes are gRPC's canonical set, so that callers in any language know them. Callers switch on
 * `code`, never on text or class identity: two copies of a package break `instanceof`.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
 */
export const ErrorCode = {
  cancelled: "cancelled",
  unknown: "unknown",
  invalidArgument: "invalid_argument",
  deadlineExceeded: "deadline_exceeded",
  notFound: "not_found",
  alreadyExists: "already_exists",
  permissionDenied: "permission_denied",
  resourceExhausted: "resource_exhausted",
  failedPrecondition: "failed_precondition",
  aborted: "aborted",
  outOfRange: "out_of_range",
  unimplemented: "unimplemented",
  internal: "internal",
  unavailable: "unavailable",
  dataLoss: "data_loss",
  unauthenticated: "unauthenticated",
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** What each code means to a caller; the only place that says which may be retried, and as what. */
export const ERROR_CODES: Readonly<
  Record<ErrorCode, { readonly isRetryable: boolean; readonly httpStatus: number }>
> = {
  cancelled: { isRetryable: false, httpStatus: 499 },
  unknown: { isRetryable: false, httpStatus: 500 },
  invalid_argument: { isRetryable: false, httpStatus: 400 },
  deadline_exceeded: { isRetryable: true, httpStatus: 504 },
  not_found: { isRetryable: false, httpStatus: 404 },
  already_exists: { isRetryable: false, httpStatus: 409 },
  permission_denied: { isRetryable: false, httpStatus: 403 },
  resource_exhausted: { isRetryable: true, httpStatus: 429 },
  failed_precondition: { isRetryable: false, httpStatus: 412 },
  aborted: { isRetryable: true, httpStatus: 409 },
  out_of_range: { isRetryable: false, httpStatus: 400 },
  unimplemented: { isRetryable: false, httpStatus: 501 },
  internal: { isRetryable: false, httpStatus: 500 },
  unavailable: { isRetryable: true, httpStatus: 503 },
  data_loss: { isRetryable: false, httpStatus: 500 },
  unauthenticated: { isRetryable: false, httpStatus: 401 },
};

/** True when the text is one of {@link ErrorCode}'s values. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_CODES, value);
}

/** An operating error: what was attempted, the offending value, the bound. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(`[${code}] ${message}`, options);
    this.code = code;
  }

  /** The error itself, or anything else wrapped as `unknown` with its cause kept. */
  static from(value: unknown): RegistryError {
    if (isRegistryError(value)) return value;
    const text = value instanceof Error ? value.message : String(value);
    return new RegistryError(ErrorCode.unknown, text, { cause: value });
  }
}

/** True for a {@link RegistryError} of this or another copy of the package. */
export function isRegistryError(value: unknown): value is RegistryError {
  return (
    value instanceof Error &&
    value.name === "RegistryError" &&
    isErrorCode((value as { code?: unknown }).code)
  );
}

/** A refusal as data: what core and codecs return instead of throwing for the world's faults. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}
