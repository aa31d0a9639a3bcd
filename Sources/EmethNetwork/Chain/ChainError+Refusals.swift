import EmethKit

extension ChainError {
  /// What somebody can do about a contract's refusal, whose word alone says little; nil where nothing is known of it.
  static func hint(onRefusal word: String) -> String? {
    switch word {
    case "core.deposits":
      "the account's ledger in EMETH Core has less than that (`emeth deposit`); what was deposited --to-servers lies elsewhere"
    case "core.status": "there is no such job, or it was taken or has ended already"
    case "core.notRequester": "its requester may do that, and a server that the requester has named"
    case "core.late": "its deadline has passed: anybody may call timeout of it"
    case "core.paused": "the contract takes no new jobs now; running ones, withdrawals and exits go on"
    case "settlement.cap":
      "signatures alone have paid what bond and daily cap cover: with its batch and proof a ticket is paid all the same"
    case "settlement.signature":
      "the Signer of today has not signed it: fetch it anew, or with `emeth fetch-ticket --batch posted`; where several keys "
        + "sign, others add theirs by `emeth sign-ticket --cosign`"
    case "settlement.pool":
      "the settlement has less than that now: repeat it once deposits or slots' rewards came in"
    case "settlement.frozen": "layer 2 is frozen: `emeth exit-frozen` claims what the account has there"
    case "settlement.notFrozen":
      "layer 2 works: `emeth redeem-ticket` and `emeth request-exit` are the way out"
    case "settlement.noBatch":
      "nobody has posted that batch: `emeth fetch-ticket --batch posted` gives the proof in one that is"
    case "verifiers.nobody": "nobody is left to be drawn: a day after the submission anybody may end the job"
    default: nil
    }
  }
}
