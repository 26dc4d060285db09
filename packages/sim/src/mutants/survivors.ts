/** Why a deliberate defect is not caught: what the simulator does not do, or why it harms nobody. */
export const SURVIVORS: Readonly<Record<string, string>> = {
  "refusal-is-final":
    "a simulated node refuses a registration only for a later stamp, and says with the refusal " +
    "who has the id: the program acts on that, not on the refusal. Refusals for want of room, " +
    "which pass by themselves, need more records than a history has",
};
