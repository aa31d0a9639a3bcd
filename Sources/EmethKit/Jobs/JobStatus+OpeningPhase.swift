extension JobStatus {
  /// The status that a state number of the Opening Phase (Rounds 1 to 3) stands for today.
  ///
  /// The contracts of those rounds counted REQUESTED 0, ASSIGNED 1, PROCESSING 2, SUBMITTED 3, VERIFIED 4,
  /// REJECTED 5, CANCELED 6, TIMEOUT 7, FAILED 8 and DECLINED 9. Two of them have no successor:
  ///
  /// - ASSIGNED is read as ``requested``: the assigner had named a node, which had declared nothing and
  ///   locked nothing; to everybody else the job was still to be taken.
  /// - REJECTED is refused: the assigner turned the job down, which neither the requester nor a node did,
  ///   and no source says where its money went. Reading it as any end of today would invent a settlement.
  ///
  /// ```swift
  /// let status = try JobStatus(openingPhase: 6)    // CANCELED, 5 today
  /// ```
  /// - Throws: ``JobError/openingPhaseStatus(found:)``.
  public init(openingPhase number: some BinaryInteger) throws(JobError) {
    switch number {
    case 0, 1: self = .requested
    case 2: self = .processing
    case 3: self = .submitted
    case 4: self = .verified
    case 6: self = .canceled
    case 7: self = .timeout
    case 8: self = .failed
    case 9: self = .declined
    default: throw .openingPhaseStatus(found: "\(number)")
    }
  }
}
