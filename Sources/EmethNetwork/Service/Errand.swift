import EmethKit

/// A question of the Execution Layer to one account, with a deadline. Unanswered when it is due counts as
/// silence.
///
/// The id follows from what is asked, so that asking twice, also after a restart, is one errand.
public struct Errand: Codable, Sendable, Hashable {
  /// What is asked.
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// A node opens drawn segments to a verifier: ``Question/open(_:binding:)`` → ``SealedOpening``.
    case open
    /// A node gets a message of its cohort: ``Question/cohort(subJob:message:)`` → ``MessageAnswer``.
    case cohort
    /// A node opens its round secret to its verifier: ``Question/openSecret(subJob:binding:)`` →
    /// ``MessageAnswer``.
    case openSecret
    /// A verifier reveals the secret behind a commitment: ``Question/reveal(subJob:commitment:)`` →
    /// ``RevealedSecret``.
    case reveal
    /// A verifier judges a submission: ``Question/judge(_:)`` → ``JudgementReport``.
    case judge
    /// A verifier vouches for an update in a sum: ``Question/share(subJob:round:beacon:)`` →
    /// ``MessageAnswer``.
    case share
    /// A verifier examines what a node opened of its mask: ``Question/examineMask(_:)`` → ``MessageAnswer``.
    case examineMask
    /// A verifier hands what a node opened of its mask to another verifier: ``Question/handOver(_:binding:)`` →
    /// ``HandedObject``.
    case handOver
    /// A verifier examines what another one has handed to it: ``Question/weighMask(_:handed:)`` → ``MessageAnswer``.
    case weighMask
  }

  /// What is asked, with all that the answer needs; objects are named by their hashes.
  public enum Question: Codable, Sendable, Hashable {
    case open(Challenge, binding: SignedKeyBinding)
    case cohort(subJob: JobID, message: HexText)
    case openSecret(subJob: JobID, binding: SignedKeyBinding)
    /// `posted`: the commitment with that number; servers of earlier versions do not say it.
    case reveal(subJob: JobID, commitment: UInt32, posted: Bytes32?)
    case judge(JudgementRequest)
    case share(subJob: JobID, round: UInt32, beacon: Bytes32)
    case examineMask(MaskExamination)
    case handOver(MaskExamination, binding: SignedKeyBinding)
    case weighMask(MaskExamination, handed: Bytes32)

    /// What kind of question it is.
    public var kind: Kind {
      switch self {
      case .open: .open
      case .cohort: .cohort
      case .openSecret: .openSecret
      case .reveal: .reveal
      case .judge: .judge
      case .share: .share
      case .examineMask: .examineMask
      case .handOver: .handOver
      case .weighMask: .weighMask
      }
    }

    /// The SubJob that it is about.
    public var subJob: JobID {
      switch self {
      case .open(let challenge, _): challenge.subJob
      case .judge(let request): request.facts.subJob
      case .examineMask(let examination), .handOver(let examination, _), .weighMask(let examination, _):
        examination.masked.content.jobID
      case .cohort(let subJob, _), .openSecret(let subJob, _), .reveal(let subJob, _, _),
        .share(let subJob, _, _):
        subJob
      }
    }
  }

  /// What names it.
  public var id: String
  /// Who is asked.
  public var account: Address
  /// What kind of question it is.
  public var kind: Kind
  /// The question.
  public var question: Question
  /// When it was asked, unix seconds.
  public var postedAt: UInt64
  /// When silence counts, unix seconds.
  public var due: UInt64
}

/// A submission that a verifier is asked about, with the node's opening. Objects that it names: the
/// opening's, and the round's starting parameters.
public struct JudgementRequest: Codable, Sendable, Hashable {
  /// What the node handed in.
  public var submission: SignedSubmission
  /// What the Execution Layer says about the SubJob.
  public var facts: SubJobFacts
  /// The seed of the challenge.
  public var seed: Bytes32
  /// The segments that were drawn from it.
  public var segments: [Int]
  /// What the node opened; `nil` where it stayed silent.
  public var opening: SealedOpening?
  /// Whom evidence against the node concerns, and to whose keys it is to be sealed: the node, the requester, the verifiers
  /// that were drawn; `nil` is nobody.
  public var evidenceReaders: [SignedKeyBinding]?
  /// Whether the update that the verifier recomputes is to be handed over with an accepting verdict: where
  /// nobody would be hidden by masks, updates are added as they are.
  public var wantsUpdate: Bool
  /// The key that it is sealed to then; `nil` from servers of earlier versions, which take it as it is.
  public var aggregator: SignedKeyBinding?
}

/// A verifier's answer to ``Errand/Kind/judge``.
public struct JudgementReport: Codable, Sendable, Hashable {
  /// What it found.
  public var judgement: Judgement
  /// A second verdict of one that cheats.
  public var contradiction: SignedVerdict?
  /// The leaves that the node opened.
  public var boundaries: [BoundaryOpening]
  /// Object: the evidence file that a rejection names, sealed to all that the request names; `nil` where it has none to give.
  public var evidence: Bytes32?

  /// Object: the update's words, or the output, where they were asked for: sealed to the Aggregator, if its key came with
  /// the question.
  public var update: Bytes32?
  /// The salts of 16 bytes with which the update's chunks of 1 MiB give the node's resultRoot, in order; they
  /// come with the update.
  public var resultSalts: [HexText]?

  /// A report.
  public init(
    judgement: Judgement, contradiction: SignedVerdict? = nil, boundaries: [BoundaryOpening],
    evidence: Bytes32? = nil, update: Bytes32? = nil, resultSalts: [HexText]? = nil
  ) {
    self.evidence = evidence
    self.judgement = judgement
    self.contradiction = contradiction
    self.boundaries = boundaries
    self.update = update
    self.resultSalts = resultSalts
  }
}

/// What a verifier is given to find out whether a node masked what it had submitted.
public struct MaskExamination: Codable, Sendable, Hashable {
  /// The node's round secret, sealed to the verifier; `nil` when the node was silent.
  public var sealed: HexText?
  /// The node's word on its masked vector.
  public var masked: SignedMasked
  /// The cohort's roster.
  public var roster: Roster
}

/// An encoded `CohortMessage`, or sealed bytes; `nil` where there is nothing to say, which is an answer.
public struct MessageAnswer: Codable, Sendable, Hashable {
  /// The bytes.
  public var message: HexText?

  /// An answer.
  public init(message: HexText?) { self.message = message }
}

/// A verifier's answer to ``Errand/Kind/handOver``.
public struct HandedObject: Codable, Sendable, Hashable {
  /// Object: update and round secret, sealed to the other verifier; `nil` where it has nothing to hand over.
  public var object: Bytes32?

  /// An answer.
  public init(object: Bytes32?) { self.object = object }
}

/// A verifier's answer to ``Errand/Kind/reveal``.
public struct RevealedSecret: Codable, Sendable, Hashable {
  /// The secret behind the commitment.
  public var secret: Bytes32

  /// An answer.
  public init(secret: Bytes32) { self.secret = secret }
}
