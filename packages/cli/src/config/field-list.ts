/** The settings of a schema as a flat list: what flags, environment, file and table have in common. */
import { z } from "zod";
import { type FieldMeta, fieldRegistry } from "./field.js";

export interface Field extends FieldMeta {
  /** `cluster.sessionTtl` */
  readonly path: string;
  /** `FPZK_CLUSTER_SESSION_TTL`; undefined for what only a file can hold. */
  readonly environmentName: string | undefined;
  /** `--cluster-session-ttl`; undefined for what only a file can hold. */
  readonly flagName: string | undefined;
  readonly schema: z.ZodType;
}

/** Every setting of a schema, in its order. */
export function listFields(
  schema: z.ZodObject,
  environmentPrefix: string,
  pathPrefix = "",
): readonly Field[] {
  return Object.entries(schema.shape).flatMap(([key, child]) => {
    const path = pathPrefix + key;
    const meta = fieldRegistry.get(child as z.ZodType);
    if (meta !== undefined) return [toField(path, child as z.ZodType, meta, environmentPrefix)];
    const section = sectionOf(child as z.ZodType);
    if (section === undefined) throw new Error(`setting ${path} must be made with field.ts`);
    return listFields(section, environmentPrefix, `${path}.`);
  });
}

/** What one entry of a list of structures holds: `tokens[].name`; empty for any other field. */
export function listEntryFields(field: Field): readonly Field[] {
  if (field.kind !== "structure" || !(field.schema instanceof z.ZodDefault)) return [];
  const list: unknown = field.schema.unwrap();
  const entry = list instanceof z.ZodArray ? sectionOf(list.element as z.ZodType) : undefined;
  if (entry === undefined) return [];
  return listFields(entry, "", `${field.path}[].`).map((one) => ({
    ...one,
    environmentName: undefined,
    flagName: undefined,
  }));
}

/** The object schema of a section, inside its `prefault`; undefined for anything else. */
export function sectionOf(schema: z.ZodType | undefined): z.ZodObject | undefined {
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  return inner instanceof z.ZodObject ? inner : undefined;
}

function toField(
  path: string,
  schema: z.ZodType,
  meta: FieldMeta,
  environmentPrefix: string,
): Field {
  const words = path.split(/\.|(?=[A-Z])/).map((word) => word.toLowerCase());
  const isFileOnly = meta.kind === "structure";
  return {
    ...meta,
    path,
    schema,
    environmentName: isFileOnly
      ? undefined
      : `${environmentPrefix}${words.join("_").toUpperCase()}`,
    flagName: isFileOnly ? undefined : `--${words.join("-")}`,
  };
}
