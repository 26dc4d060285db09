/** Why a deliberate defect is not caught: what the simulator does not do, or why it harms nobody. */
export const SURVIVORS: Readonly<Record<string, string>> = {};
