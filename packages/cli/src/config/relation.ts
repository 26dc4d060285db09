/** What must hold between two or more settings. */
import type { z } from "zod";

export interface RelationValues {
  /** A setting by its path, checked and with its default. */
  value(path: string): unknown;
  /** The same for one that is always a number. */
  number(path: string): number;
}

export interface Relation {
  /** Settings it reads; the first is the one to blame and to change. */
  readonly paths: readonly [string, ...string[]];
  /** What the first must be, to follow "allowed: ". */
  readonly rule: string;
  /** What is wrong, or undefined. */
  readonly check: (values: RelationValues) => string | undefined;
}

/** One program's settings. */
export interface ConfigKind<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** Of its environment variables: `FPZK_`. */
  readonly environmentPrefix: string;
  readonly schema: S;
  readonly relations: readonly Relation[];
}
