/** A frame that may go to several, with what it says once somebody has read it. */
interface SharedFrame<Message> extends Uint8Array {
  said?: Message;
}

/**
 * What a frame says, read by whoever gets it first: nobody changes what was decoded. A frame is only
 * ever read as one kind of message.
 */
export function readOnce<Message>(
  frame: Uint8Array,
  read: (bytes: Uint8Array) => Message,
): Message {
  const shared: SharedFrame<Message> = frame;
  // On the frame itself: a WeakMap of messages costs the collector more than reading them again.
  shared.said ??= read(frame);
  return shared.said;
}
