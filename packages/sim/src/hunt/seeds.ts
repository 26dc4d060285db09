/**
 * Seeds that found a defect, each with its story.
 *
 * A seed means something only together with the sources: as the world or the core changes, the same
 * number plays another history. So these are kept as good starting points, and each defect has a
 * test beside the code, or a directed scenario, that does not drift.
 */
export interface PermanentSeed {
  readonly seed: number;
  /** What broke, and why. */
  readonly story: string;
  /** Subject of the commit that mended it, or entered it here with its mending. */
  readonly mendedBy: string;
  /** The scenario that shows it without chance. */
  readonly scenario?: string;
}

export const PERMANENT_SEEDS: readonly PermanentSeed[] = [
  {
    seed: 2,
    story: "a leaving node asked for ticks without end: dials were due that it did not make",
    mendedBy: "Test replica, lease rules, lease table and self-doubt",
  },
  {
    seed: 4,
    story:
      "a drain in a whole world named a subscriber whose host was lost: its session had ended of " +
      "silence, and was then waited for once more",
    mendedBy: "Do not wait for those who were silent till the end",
  },
  {
    seed: 5,
    story:
      "a view differed from its node for ever: a program whose stamp another life of its node had " +
      "written was shown from a record that nobody would send again",
    mendedBy: "Let a forgotten removal win over its writer",
  },
  {
    seed: 9,
    story: "a process that chose a removed process's stamp was removed with it, and not told",
    mendedBy: "Test replica, lease rules, lease table and self-doubt",
  },
  {
    seed: 12,
    story: "a view could not agree with its node on what another life of a node had told nobody",
    mendedBy: "Test replica, lease rules, lease table and self-doubt",
  },
  {
    seed: 14,
    story:
      "after a cut, a pause and a second process of one id the first believed for ever that it " +
      "was registered (82 strikes became 3: isolate-node, freeze-node, usurp); later, a region came " +
      "back whole without disks and with clocks behind, and its lower generations were refused for ever",
    mendedBy: "Let the later process keep an id that was claimed again",
    scenario: "later-process-wins",
  },
  {
    seed: 18,
    story: "a second drain ended the first one as confirmed by all",
    mendedBy: "Name in a drain all whom it could not ask (P7)",
    scenario: "two-drains-of-one-instance",
  },
  {
    seed: 21,
    story:
      "a client that came home left its region's own instance behind: a node removed it for a " +
      "connection that was lost, while its program lived",
    mendedBy: "Move clients without a gap, and bring them home (P7)",
  },
  {
    seed: 23,
    story:
      "an instance was removed while its client waited for a host that answered nothing, with a " +
      "good server next in its list",
    mendedBy: "Race connections to servers",
  },
  {
    seed: 33,
    story: "a client asked for ticks without end: its deadline and its test were rounded apart",
    mendedBy: "Compare a session's end as its deadline is computed",
  },
  {
    seed: 29,
    story:
      "a program began at a node that knew nothing and whose clock was behind; the record of its " +
      "dead predecessor, an hour ahead, still looked alive, and it was told to stop for good",
    mendedBy: "Doubt what takes an id at a node that knew nothing",
  },
  {
    seed: 20,
    story:
      "the latest of three processes deregistered an id, an earlier one that waited took it, and " +
      "the latest was told to stop when it registered again",
    mendedBy: "Let the process that began later have the id",
    scenario: "later-process-comes-back",
  },
  {
    seed: 58,
    story: "a node that ended each session after its welcome was stormed by all of its clients",
    mendedBy: "Back off from nodes that end sessions at once",
  },
  {
    seed: 77,
    story:
      "everyone confirmed the drain of a region's own instance, and a subscriber that had left " +
      "the region still picked it",
    mendedBy: "Show a region's own records to those in it alone (P7)",
  },
  {
    seed: 5109,
    story:
      "a program drained an instance while it had no session, and changed its mind: at its next " +
      "connection the old drain was carried out on what it had registered anew",
    mendedBy: "Let a new registration end the drain before it (P7)",
  },
  {
    seed: 307,
    story:
      "everyone confirmed the drain of a region's own instance, and callers of a region from which " +
      "its program had fled when its node died still picked what it had left behind",
    mendedBy: "Drain what a program left behind in other regions (P7)",
    scenario: "drain-of-what-was-left-behind",
  },
  {
    seed: 7005,
    story:
      "a region came back from old disks; what a program had left behind there was drained under " +
      "the old stamp, and a caller that had seen a later one never confirmed that",
    mendedBy: "Drain what was left behind above all its stamps (P7)",
  },
  {
    seed: 143,
    story:
      "at the end of a history the last program came home and saw what a killed one had left behind " +
      "in that region before: it was told as removed too late",
    mendedBy: "Judge a history's end by what ends there",
  },
  {
    seed: 5523,
    story:
      "a program's cable was cut one way: it heard its node, which heard nothing of it and removed it",
    mendedBy: "Ask a session to move before it is removed as silent",
  },
  {
    seed: 5474,
    story:
      "a saved view named no region: where a node did not know the owners, what was its own " +
      "region's was taken for the other's, and dropped on coming home",
    mendedBy: "Save the region's name with a view (P4)",
  },
  {
    seed: 144,
    story:
      "every node lost the record of a dead process, whose stamp was above that of the living one: " +
      "a view that remembered it showed the dead one, orphaned, for twenty minutes",
    mendedBy: "Let a view say what its nodes have lost",
    scenario: "all-nodes-forget",
  },
  {
    seed: 7045,
    story:
      "a process that read nothing for a while was sent a welcome that it never heard, and began " +
      "with a later one: histories took it for older than it is, and called a duel, or a lost id " +
      "(seed 6002), what was right",
    mendedBy: "Let a process begin with what it hears",
  },
  {
    seed: 7042,
    story:
      "a region's own instance was removed by a node that only another region's nodes linked with " +
      "its program's: histories thought that word of it could come that way",
    mendedBy: "Count no way of a region's own through others",
  },
  {
    seed: 9049,
    story:
      "a program was killed in one region, and the last one saw another's instance of that name in " +
      "its own region, which was judged in its stead",
    mendedBy: "Judge each program's end by its own instance",
  },
  {
    seed: 86,
    story:
      "one region's tombstone beat the live record of the same name in another; and a view asked " +
      "for everything for ever, because every node had lost a removal that it saw",
    mendedBy: "Back off from nodes that end sessions at once",
  },
  {
    seed: 107,
    story:
      "everyone confirmed the drain of a region's own instance, and callers of another region still " +
      "picked one of that id, which a process that ended long before had left there (seed 3000190: " +
      "which another living process had registered there): histories took it for the drained one",
    mendedBy: "Judge a drain by what its own process registered",
  },
  {
    seed: 3_000_030,
    story:
      "a program fled to another region, and had just lost its session there when its first region " +
      "removed what it had left behind: histories thought that it might have been on its way back",
    mendedBy: "Judge a drain by what its own process registered",
  },
  {
    seed: 1_000_101,
    story:
      "a program began where nobody knew of its dead predecessor, whose clock was an hour ahead, and " +
      "waited 30 s for it, anew with each session: its instance was suspect for longer than a minute",
    mendedBy: "Wait half as long for who may be dead",
  },
  {
    seed: 3_001_347,
    story:
      "a connection was reset in the moment in which its region was cut off: the client tried all " +
      "other regions before the node beside it that it had been at, and was removed",
    mendedBy: "Find the server that answers in time (P6)",
  },
  {
    seed: 3_001_030,
    story:
      "a program was asked to move by a node that heard nothing of it, and waited 3 s for each of " +
      "two servers that answered nothing: it was removed before it came to the third",
    mendedBy: "Find the server that answers in time (P6)",
  },
  {
    seed: 1_000_574,
    story:
      "many had fallen silent at a node, which gave them up a few at a time: a history drained an " +
      "instance meanwhile, and called it a defect that the last of them was named",
    mendedBy: "Drain when nodes have given up who is gone",
  },
  {
    seed: 3_001_859,
    story:
      "a program registered and deregistered an id again and again on slow lines: two answers about " +
      "one tombstone made two claims, the second below the first, which superseded its own process",
    mendedBy: "Claim an id above all claims of one's own",
  },
  {
    seed: 3_001_749,
    story:
      "a program waited longer for its dead predecessor, whose clock was an hour ahead, than its " +
      "command to register had time",
    mendedBy: "Claim an id above all claims of one's own",
  },
  {
    seed: 26,
    story:
      "a node that was filling had one origin's stream without what another origin's record had " +
      "replaced in it, and not yet that record: its position proved too much, and a view let an " +
      "instance go as collected (seed 316 too)",
    mendedBy: "Prove nothing by what was left out (P4)",
    scenario: "moved-while-a-node-fills",
  },
  {
    seed: 1982134902,
    story:
      "a program whose connection was reset while a neighbouring region was cut off dialed six silent " +
      "hosts, and not the node that it was just heard by, until the grace was over (seeds 138, " +
      "1046483542, 1046484592, 1046485004, 1046485238 and 1046486548 too)",
    mendedBy: "Try the server of a reset session second (P6)",
    scenario: "reset-beside-silent-hosts",
  },
  {
    seed: 1_046_484_574,
    story:
      "a process had begun at a node that knew nothing, waited 8 s for the one that took its id, and " +
      "took it back from that one, which was well: the node doubts for longer (1046483552: a claim " +
      "above a tombstone crossed the later process's coming back)",
    mendedBy: "Give no id from a later process that is well",
    scenario: "claimed-from-the-living",
  },
  {
    seed: 1_046_485_494,
    story:
      "everyone confirmed the drain of a region's own instance, and callers of a region where it " +
      "had been left behind still picked it: it was adopted there, and its program had registered " +
      "it anew since, so it was taken for another process's (seed 1046485502 too)",
    mendedBy: "Drain what was left behind and adopted (P7)",
    scenario: "drain-of-what-was-adopted",
  },
  {
    seed: 1_046_483_486,
    story:
      "a view showed a dead process that all nodes had lost, an hour ahead, and was verified ever " +
      "more seldom: the living one began below, was hidden from it, and its drain named that caller",
    mendedBy: "Say at once what a change shows to be lost",
    scenario: "begins-below-a-view",
  },
  {
    seed: 1_046_486_634,
    story:
      "a program that reached no node set its state with less time than its registration had: when " +
      "the change's time was over, the registration was given up with it",
    mendedBy: "Keep registering when a change takes too long",
    scenario: "change-before-registered",
  },
  {
    seed: 1_633_684_309,
    story:
      "every node lost the removals of two registrations by REST, and a view that saw them lacked " +
      "both, as it may: histories excused the first alone (seed 7000093 too)",
    mendedBy: "Excuse each removal that every node lost (L1)",
  },
  {
    seed: 1_633_684_877,
    story:
      "the last one came home at a history's end, and saw as orphaned what a program whose host " +
      "was just lost had left behind there: it was taken for the one that ought to be suspect",
    mendedBy: "Excuse each removal that every node lost (L1)",
  },
  {
    seed: 1_633_690_040,
    story:
      "a program waited for its dead predecessor, whose clock was an hour ahead, and changed its " +
      "state meanwhile: the node knew no such instance, and the registration was given up for that",
    mendedBy: "Register again what a change finds missing",
    scenario: "change-while-waiting",
  },
  {
    seed: 32_000_116,
    story:
      "a node closed a link to another region as surplus, over which that region's node wrote to " +
      "this one: what was on its way was lost, and came late by another (seeds 32000411 and 33000059 " +
      "too)",
    mendedBy: "Keep a link over which the other end writes (P3)",
    scenario: "link-that-the-other-needs",
  },
];

/** A defect that is known and not yet mended: a failure that looks like it is told, not counted. */
export interface OpenDefect {
  readonly oracle: string;
  readonly text: RegExp;
  readonly story: string;
}

export const OPEN_DEFECTS: readonly OpenDefect[] = [];

/** The open defect that a failure shows, if it is one. */
export function openDefectOf(
  failure: { readonly oracle: string; readonly text: string },
  defects: readonly OpenDefect[] = OPEN_DEFECTS,
): OpenDefect | undefined {
  return defects.find(({ oracle, text }) => oracle === failure.oracle && text.test(failure.text));
}
