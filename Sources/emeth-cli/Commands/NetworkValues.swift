import EmethKit
import EmethNetwork

extension ValueType where Value == SegmentCheck {
  static var segmentCheck: Self {
    let allowed = "1...65536 or all"
    return Self(name: "K", allowed: allowed, completion: .choices(["1", "2", "4", "8", "all"])) {
      text throws(ValueRefusal) in
      if text == "all" { return .all }
      guard let count = Int(text), !text.hasPrefix("+") else { throw ValueRefusal(allowed: allowed) }
      guard (1...65_536).contains(count) else { throw ValueRefusal(allowed: allowed, isOutOfRange: true) }
      return .drawn(count)
    }
  }
}

extension ValueType where Value == DetectionGoal {
  /// What checking shall find: `--detect SHARE%@PROBABILITY%`, each with at most three decimals.
  static var detectionGoal: Self {
    let allowed = "SHARE%@PROBABILITY% such as 10%@95%, SHARE above 0 % and both at most 100 %"
    return Self(name: "SHARE@PROBABILITY", allowed: allowed, completion: .choices(["10%@95%", "1%@99%"])) {
      text throws(ValueRefusal) in
      let rates = text.split(separator: "@", omittingEmptySubsequences: false).map(Self.rate)
      guard rates.count == 2, let share = rates[0], let probability = rates[1] else {
        throw ValueRefusal(allowed: allowed)
      }
      do {
        return try DetectionGoal(share: share, probability: probability)
      } catch {
        throw ValueRefusal(allowed: allowed, isOutOfRange: true)
      }
    }
  }

  /// A rate in percent, such as `2.5%`.
  private static func rate(_ text: Substring) -> Rate? {
    guard text.last == "%" else { return nil }
    let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2,
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }),
      parts[0].count <= 6, parts.count < 2 || parts[1].count <= 3,
      let whole = UInt32(parts[0])
    else { return nil }
    let decimals = parts.count == 2 ? String(parts[1]) : ""
    guard let thousandths = UInt32(decimals + String(repeating: "0", count: 3 - decimals.count)) else {
      return nil
    }
    return Rate(per100000: whole * 1_000 + thousandths)
  }
}

extension ValueType where Value == FaultPlan {
  /// A node or verifier that misbehaves on purpose: `--fault KIND@NODE`.
  static var fault: Self {
    let kinds = NodeFault.allCases.map(\.rawValue)
    let ofSegments = NodeFault.allCases.filter(\.isOfSegments).map(\.rawValue).joined(separator: ", ")
    let allowed =
      "KIND@NODE, KIND one of \(kinds.joined(separator: ", ")), NODE from 1 to --nodes; a verifier's number for "
      + "what verifiers do, 1 for wrong-sum; KIND@NODE:SEGMENTS for \(ofSegments)"
    return Self(name: "KIND@NODE", allowed: allowed, completion: .choices(kinds.map { "\($0)@1" })) {
      text throws(ValueRefusal) in
      if let plan = FaultPlan(text), (1...64).contains(plan.node) { return plan }
      let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
      let kind = parts.first ?? ""
      guard !kinds.contains(kind), let nearest = Suggestion.nearest(to: kind, among: kinds).first else {
        throw ValueRefusal(allowed: allowed)
      }
      throw ValueRefusal(allowed: allowed, nearest: "\(nearest)@\(parts.count == 2 ? parts[1] : "1")")
    }
  }
}

/// A job named by its id or by the beginning of it, at least four hexadecimal digits.
struct JobReference: Equatable, Sendable, CustomStringConvertible {
  /// Lower-case digits without `0x`, 4 to 32 of them.
  let prefix: String

  /// Whether this names the job.
  func matches(_ id: JobID) -> Bool {
    Hex.encode(id.bytes, prefixed: false).hasPrefix(prefix)
  }

  /// The whole id, when all of it was given.
  var jobID: JobID? { prefix.count == 32 ? try? JobID(hex: prefix) : nil }

  var description: String { "0x" + prefix }
}

extension ValueType where Value == JobReference {
  static var job: Self {
    let allowed = "a job's id, or at least its first 4 hexadecimal digits"
    return Self(name: "JOB", allowed: allowed) { text throws(ValueRefusal) in
      let digits = (text.hasPrefix("0x") ? String(text.dropFirst(2)) : text).lowercased()
      guard (4...32).contains(digits.utf8.count),
        digits.utf8.allSatisfy({ byte in
          (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
        })
      else { throw ValueRefusal(allowed: allowed) }
      return JobReference(prefix: digits)
    }
  }
}
