/** What every table demands of its callers; a failure is a bug of the caller, not of the world. */
import { assert } from "../assert.js";
import { BODY_MAX_BYTES, NAME_MAX_BYTES } from "../limits.js";
import { InstanceState, type RegistryRecord } from "../record.js";

/** Kinds fit three bits, reasons four: what a table keeps of them. */
const KIND_MAX = 7;
const REASON_MAX = 15;
const UINT16_MAX = 0xffff;
const UINT32_MAX = 0xffff_ffff;

/** Asserts that a record's fields are within what tables can hold. */
export function assertStorable(record: RegistryRecord): void {
  const { kind, scope, origin, version, stamp, state, reason, since, body } = record;
  assert(isWhole(kind, KIND_MAX) && kind >= 1, `kind ${kind} must be 1 to ${KIND_MAX}`);
  assert(scope === origin.scope, `record scope ${scope} must be its origin's ${origin.scope}`);
  assert(Number.isSafeInteger(version) && version >= 1, `version ${version} must be 1 to 2^53-1`);
  assert(
    isWhole(stamp.incarnation, Number.MAX_SAFE_INTEGER),
    `incarnation ${stamp.incarnation} must be 0 to 2^53-1`,
  );
  assert(isWhole(stamp.session, UINT32_MAX), `session ${stamp.session} must be 0 to 2^32-1`);
  assert(isWhole(stamp.claim, UINT16_MAX), `claim ${stamp.claim} must be 0 to ${UINT16_MAX}`);
  assert(
    isWhole(state, InstanceState.removed),
    `state ${state} must be 0 to ${InstanceState.removed}`,
  );
  assert(isWhole(reason, REASON_MAX), `reason ${reason} must be 0 to ${REASON_MAX}`);
  assert(isWhole(since, Number.MAX_SAFE_INTEGER), `since ${since} must be 0 to 2^53-1`);
  assert(
    body.length <= BODY_MAX_BYTES,
    `body of ${body.length} bytes must be at most ${BODY_MAX_BYTES}`,
  );
}

/** Asserts that an id's encoded length is within what tables can hold. */
export function assertIdBytes(idBytes: number): void {
  assert(idBytes <= NAME_MAX_BYTES, `id of ${idBytes} bytes must be at most ${NAME_MAX_BYTES}`);
}

/** Asserts that a record is the newest of its origin in the table. */
export function assertNewest(version: number, lastVersion: number): void {
  assert(
    version > lastVersion,
    `version ${version} must exceed its origin's last in the table, ${lastVersion}`,
  );
}

/** Asserts that a number can be kept beside a slot. */
export function assertTag(tag: number): void {
  assert(isWhole(tag, UINT32_MAX), `tag ${tag} must be 0 to 2^32-1`);
}

function isWhole(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}
