/// Something that happens to a registered job (PROTOCOL 2).
///
/// Facts that the machine can't see (a signature that was checked, a balance, a stored file) come with the
/// event; who may send it and when is checked by ``JobMachine/apply(_:at:)``.
public enum JobEvent: Hashable, Sendable {
  /// The requester takes the job back.
  case cancel(by: Address)
  /// A node wants the job and waits for its sealed header.
  case claim(by: Address, cooldownOver: Bool, depositAvailable: TokenAmount)
  /// A node takes the job: its deposit is locked.
  case process(by: Address, headerExists: Bool, cooldownOver: Bool, depositAvailable: TokenAmount)
  /// The node says that it is still computing.
  case renewLease(by: Address)
  /// The node gives up. Evidence is the hash of **checked** proof that the delivered bytes don't match
  /// dataRoot or that the header does not open; with it nothing is lost.
  case decline(by: Address, evidence: Bytes32?)
  /// The node hands in its commitments, itself or through a delegate with its signature. `proofHolds` counts
  /// for self-proving programs only.
  case submit(
    by: Address, nodeSignatureValid: Bool = false, fuelUsed: Fuel, submission: Bytes32,
    proofHolds: Bool = false)
  /// The beacon has drawn a verifier, and its challenge is published. `nodesOfParent`: every node that works
  /// for the same parent; none of them may check. After an acceptance it is drawn in the place of the one that vouches for
  /// what was masked and says nothing to the cohort's sum: the node opens to it as to the first.
  case draw(verifier: Address, nodesOfParent: Set<Address> = [])
  /// The storage has a receipt for the openings that the drawn verifier asked for.
  case receiveOpenings
  /// The drawn verifier found a mismatch; another one has to replay before the node fails. With zero as
  /// evidence its verdict was struck (it was false, or one of two): another one takes its place, and what it
  /// said counts for nothing.
  case dispute(by: Address, evidence: Bytes32)
  /// The drawn verifier accepts; `verdict` is the digest of its ``Verdict``. `sharedWith`: another one whose word the request
  /// asks for as well, and that agrees: the verifier fee is for both.
  case verify(by: Address, verdict: Bytes32, sharedWith: Address? = nil)
  /// The drawn verifier rejects, with the hash of its evidence.
  case reject(by: Address, evidence: Bytes32)
  /// The node did not open in time.
  case withhold
  /// The accepted SubJob's cohort is fixed; keys and masked vector are due at `deadline` (unix seconds).
  case fixCohort(attempt: UInt32, deadline: UInt64)
  /// The node's masked vector is in, under its root.
  case postMasked(by: Address, maskedRoot: Bytes32)
  /// Another verifier that accepts vouches for the update from now on, and is paid for it: the one whose verdict stood says
  /// nothing to the cohort's sum, or was overruled. `verdict` is the digest of its ``Verdict``.
  case standIn(by: Address, verdict: Bytes32)
  /// Two that were drawn after the acceptance found that it was false: the verifier fee is for the one that found it
  /// first, with the hash of its evidence.
  case overrule(by: Address, confirmedBy: Address, evidence: Bytes32)
  /// The cohort's sum was checked.
  case completeCohort(sumChecks: Bool)
  /// Keys or masked vector are missing at the cohort's deadline.
  case absent
  /// The deadline is reached, or the node's lease has lapsed.
  case timeout
  /// Two drawn verifiers in turn stayed silent.
  case expireVerification
  /// For as long as a verifier has for its verdict nobody was there who could be drawn; or nobody can say whether what
  /// the node masked is what was accepted.
  case endUnchecked
  /// The Execution Layer was out between two batches (unix seconds): deadlines grow.
  case extendDeadline(outageFrom: UInt64, outageTo: UInt64)
  /// The parent has ended in a final status.
  case endWithParent(parentStatus: JobStatus)

  /// An event without its data, as errors name it.
  public enum Name: String, Hashable, Sendable, CaseIterable {
    case cancel, claim, process, renewLease, decline, submit, draw, receiveOpenings, dispute, verify, reject
    case withhold, fixCohort, postMasked, completeCohort, absent, timeout, expireVerification, extendDeadline
    case standIn, overrule, endUnchecked, endWithParent
  }

  /// Which event it is.
  public var name: Name {
    switch self {
    case .cancel: .cancel
    case .claim: .claim
    case .process: .process
    case .renewLease: .renewLease
    case .decline: .decline
    case .submit: .submit
    case .draw: .draw
    case .receiveOpenings: .receiveOpenings
    case .dispute: .dispute
    case .verify: .verify
    case .reject: .reject
    case .withhold: .withhold
    case .fixCohort: .fixCohort
    case .postMasked: .postMasked
    case .standIn: .standIn
    case .overrule: .overrule
    case .completeCohort: .completeCohort
    case .absent: .absent
    case .timeout: .timeout
    case .expireVerification: .expireVerification
    case .endUnchecked: .endUnchecked
    case .extendDeadline: .extendDeadline
    case .endWithParent: .endWithParent
    }
  }
}
