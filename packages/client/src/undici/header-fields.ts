/** One field of headers in any of the forms that undici takes: an object, pairs in a row, entries. */
import type { Dispatcher } from "undici";

type Headers = Dispatcher.DispatchOptions["headers"];

/** Its value; undefined where it is not. `name` is in small letters. */
export function fieldOf(headers: Headers, name: string): string | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  for (const [key, value] of entriesOf(headers)) {
    if (String(key).toLowerCase() === name) return String(value);
  }
  return undefined;
}

/** The same headers with this value of the field, and all others as they are; entries as pairs. */
export function withField(headers: Headers, name: string, value: string): NonNullable<Headers> {
  if (typeof headers !== "object" || headers === null) return { [name]: value };
  const kept = [...entriesOf(headers)].filter(([key]) => String(key).toLowerCase() !== name);
  if (!(Symbol.iterator in headers)) return Object.fromEntries([...kept, [name, value]]);
  // Values may be lists and bytes here as well, whatever the type says.
  return [...kept.flat(1), name, value] as string[];
}

function* entriesOf(headers: object): Iterable<readonly [unknown, unknown]> {
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    for (let index = 0; index + 1 < headers.length; index += 2) {
      yield [headers[index], headers[index + 1]];
    }
  } else if (Symbol.iterator in headers) {
    yield* headers as Iterable<readonly [unknown, unknown]>;
  } else {
    yield* Object.entries(headers);
  }
}
