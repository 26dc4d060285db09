/** An answer whose end somebody wants to know. */

/** How a body ended: read to its end, broken off, or not wanted any more. */
export type BodyEnd =
  | { readonly type: "complete" | "cancelled" }
  | { readonly type: "broken"; readonly error: unknown };

export interface BodyObserver {
  /** Called once; for a broken body returns what its reader gets. */
  ended(end: BodyEnd): unknown;
  /** The body was dropped without being read. */
  forgotten(): void;
}

/** Told of bodies that nobody can read any more. */
const forgotten = new FinalizationRegistry<BodyObserver>((observer) => observer.forgotten());

/** The same answer; `observer` is told when its body is over, at once when it has none. */
export function observeResponse(response: Response, observer: BodyObserver): Response {
  const { body } = response;
  if (body === null) {
    observer.ended({ type: "complete" });
    return response;
  }
  const reader = body.getReader();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            controller.enqueue(value);
            return;
          }
          observer.ended({ type: "complete" });
          controller.close();
        } catch (error) {
          controller.error(observer.ended({ type: "broken", error }));
        }
      },
      async cancel(reason) {
        observer.ended({ type: "cancelled" });
        await reader.cancel(reason);
      },
    },
    // Nothing is read before it is asked for.
    { highWaterMark: 0 },
  );
  forgotten.register(stream, observer);
  const { status, statusText, headers, url, redirected, type } = response;
  const observed = new Response(stream, { status, statusText, headers });
  // What only fetch itself can set.
  for (const [name, value] of Object.entries({ url, redirected, type })) {
    Object.defineProperty(observed, name, { value, enumerable: true });
  }
  return observed;
}
