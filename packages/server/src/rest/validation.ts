/**
 * Checks requests against their schemas: unknown fields refused, nothing coerced, every problem
 * at once.
 */
import type { InstanceDescription } from "@fpzk/core";
import { checkName, parseInstanceDescription } from "@fpzk/protocol";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { type InputProblem, PROBLEM_ERROR_COUNT_MAX, RequestFault } from "./problem.js";
import type { JsonSchema } from "./schemas.js";

/** Which part of a request a schema is for; begins the path of a problem. */
export type RequestPart = "path" | "query" | "body";

export type Check = (value: unknown) => void;

const VALUE_MAX_LENGTH = 100;

export class RequestValidator {
  readonly #ajv = new Ajv2020({
    allErrors: true,
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: false,
    allowUnionTypes: true,
    verbose: true,
    strict: true,
    formats: {
      "fpzk-path-name": (text: string) => checkName("service", text) === undefined,
      "fpzk-name": (text: string) => checkName("id", text) === undefined,
      "fpzk-label": (text: string) => checkName("group", text) === undefined,
    },
  });

  /** A check that throws a {@link RequestFault} naming everything wrong. */
  compile(part: RequestPart, schema: JsonSchema): Check {
    const validate = this.#ajv.compile(schema);
    return (value) => {
      if (validate(value)) return;
      const errors = (validate.errors ?? [])
        .slice(0, PROBLEM_ERROR_COUNT_MAX)
        .filter((error) => error.keyword !== "propertyNames")
        .map((error) => toInputProblem(part, error));
      throw new RequestFault("invalid_argument", summarize(part, errors), { errors });
    };
  }
}

/** The rules that no schema can say, such as the size of the whole; protocol's word is final. */
export function checkDescription(description: InstanceDescription): void {
  const parsed = parseInstanceDescription(description);
  if (parsed.ok) return;
  const errors = parsed.problems.map(({ path, value, bound }) => {
    return { path: path === "" ? "body" : `body/${path}`, value, message: bound };
  });
  throw new RequestFault("invalid_argument", summarize("body", errors), { errors });
}

function summarize(part: RequestPart, errors: readonly InputProblem[]): string {
  const [first] = errors;
  if (first === undefined) return `the ${part} is not as documented`;
  const more = errors.length > 1 ? `; and ${errors.length - 1} more, see errors` : "";
  return `${first.path} ${first.message}${more}`;
}

function toInputProblem(part: RequestPart, error: ErrorObject): InputProblem {
  const params = error.params as Readonly<Record<string, unknown>>;
  const parent = `${part}${error.instancePath.replaceAll("~1", "/").replaceAll("~0", "~")}`;
  switch (error.keyword) {
    case "additionalProperties": {
      const name = String(params["additionalProperty"]);
      const value = shorten((error.data as Record<string, unknown>)[name]);
      return { path: `${parent}/${shortText(name)}`, value, message: "is no known field" };
    }
    case "required":
      return {
        path: `${parent}/${String(params["missingProperty"])}`,
        value: null,
        message: "must be given",
      };
    case "enum": {
      const bound = (params["allowedValues"] as readonly unknown[]).join(", ");
      return {
        path: parent,
        value: shorten(error.data),
        message: `must be one of ${bound}`,
        bound,
      };
    }
    case "format":
      return { path: parent, value: shorten(error.data), message: formatMessage(error) };
    default:
      return boundProblem(parent, error);
  }
}

function boundProblem(path: string, error: ErrorObject): InputProblem {
  const params = error.params as Readonly<Record<string, unknown>>;
  const bound = params["limit"] ?? params["pattern"] ?? params["type"];
  const place =
    error.propertyName === undefined ? path : `${path}/${shortText(error.propertyName)}`;
  return {
    path: place,
    value: shorten(error.data),
    message: error.message ?? "is not as documented",
    ...(typeof bound === "number" ? { bound } : {}),
    ...(typeof bound === "string" || Array.isArray(bound) ? { bound: String(bound) } : {}),
  };
}

function formatMessage(error: ErrorObject): string {
  const kind = FORMAT_KINDS[String(error.params["format"])] ?? "id";
  const message = checkName(kind, error.data)?.message ?? "";
  return /must (have|be) .*$/.exec(message)?.[0] ?? "is no name";
}

const FORMAT_KINDS: Readonly<Record<string, "service" | "id" | "group">> = {
  "fpzk-path-name": "service",
  "fpzk-name": "id",
  "fpzk-label": "group",
};

function shorten(value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return shortText(value);
  return Array.isArray(value) ? `array of ${value.length}` : "object";
}

function shortText(text: string): string {
  return text.length > VALUE_MAX_LENGTH ? `${text.slice(0, VALUE_MAX_LENGTH)}…` : text;
}
