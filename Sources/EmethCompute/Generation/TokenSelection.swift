/// The tokens that a sampler may draw, with their weights, in order of ids. Its arrays are kept between
/// draws.
struct TokenSelection: Sendable {
  private var ids: [UInt32] = []
  private var logits: [Float] = []
  /// (logit − largest) / temperature.
  private var scaled: [Float] = []
  private var weights: [Float] = []

  /// The largest logit.
  ///
  /// - Throws: `ComputeError.invalidInput` when one is not finite.
  static func largest(of logits: UnsafeBufferPointer<Float>) throws(ComputeError) -> Float {
    var lanes = SIMD16<Float>(repeating: logits[0])
    // What is not finite leaves NaN here, all else 0.
    var rest = SIMD16<Float>()
    let whole = logits.count & ~15
    for start in stride(from: 0, to: whole, by: 16) {
      let chunk = Self.chunk(logits, start)
      lanes = lanes.replacing(with: chunk, where: chunk .> lanes)
      rest += chunk - chunk
    }
    var largest = lanes.max()
    var isFinite = rest.sum() == 0
    for index in whole..<logits.count {
      isFinite = isFinite && logits[index].isFinite
      if logits[index] > largest { largest = logits[index] }
    }
    guard isFinite else {
      throw .invalidInput(what: "a logit", found: "infinite or not a number", allowed: "finite numbers")
    }
    return largest
  }

  /// Takes up the `count` largest logits, all for nil; among equal ones the lower ids.
  mutating func take(_ count: Int?, of source: UnsafeBufferPointer<Float>) {
    ids.removeAll(keepingCapacity: true)
    logits.removeAll(keepingCapacity: true)
    guard let count, count < source.count else {
      ids.append(contentsOf: 0..<UInt32(source.count))
      logits.append(contentsOf: source)
      return
    }
    var heap = MinimumHeap()
    for id in 0..<count { heap.insert(Self.rank(source[id], UInt32(id))) }
    // Ids ascend, so a logit equal to the lowest one taken comes too late.
    var lowest = Self.logit(ofRank: heap.lowest)
    func offer(_ id: Int) {
      guard source[id] > lowest else { return }
      _ = heap.removeLowest()
      heap.insert(Self.rank(source[id], UInt32(id)))
      lowest = Self.logit(ofRank: heap.lowest)
    }
    var id = count
    while id < source.count {
      if id + 16 <= source.count, !any(Self.chunk(source, id) .> lowest) {
        id += 16
        continue
      }
      let end = min(id + 16, source.count)
      while id < end {
        offer(id)
        id += 1
      }
    }
    while let rank = heap.removeLowest() { ids.append(~UInt32(truncatingIfNeeded: rank)) }
    ids.sort()
    for id in ids { logits.append(source[Int(id)]) }
  }

  /// Gives each token its weight.
  mutating func weigh(largest: Float, divisor: Float, device: Device) {
    scaled.removeAll(keepingCapacity: true)
    // Below −200 exp is 0 in binary32 in any case.
    for logit in logits { scaled.append(max((logit - largest) / divisor, -200)) }
    weights.removeAll(keepingCapacity: true)
    weights.append(contentsOf: scaled)
    weights.withUnsafeMutableBufferPointer { device.exp($0) }
  }

  /// Takes the weight from all tokens but the likeliest ones that have together the share `topP` of all
  /// weights.
  mutating func keepNucleus(_ topP: Double) {
    // Weights of one bin differ by 3 %: only the bin in which the share is reached has to be sorted. Past the
    // last bin a weight counts 0.
    let binCount = 1_024
    func bin(_ index: Int) -> Int { Int(min(-scaled[index] * 32, Float(binCount - 1))) }
    func units(_ index: Int) -> UInt64 { UInt64(weights[index] * 0x1p40) }
    var sums = [UInt64](repeating: 0, count: binCount)
    for index in ids.indices { sums[bin(index)] += units(index) }
    let total = sums.reduce(0, +)
    let target = min(UInt64((topP * Double(total)).rounded(.up)), total)
    var sum: UInt64 = 0
    var last = 0
    while sum + sums[last] < target {
      sum += sums[last]
      last += 1
    }
    var boundary: [(rank: UInt64, index: Int)] = []
    for index in ids.indices {
      let bin = bin(index)
      if bin == last { boundary.append((Self.rank(logits[index], ids[index]), index)) }
      if bin > last { weights[index] = 0 }
    }
    boundary.sort { $0.rank > $1.rank }
    for (_, index) in boundary {
      let own = units(index)
      if sum >= target { weights[index] = 0 }
      sum += own
    }
  }

  /// The token at `place` of all weights, 0 to below 1.
  func draw(_ place: Double) -> UInt32 {
    var total = 0.0
    for weight in weights { total += Double(weight) }
    let target = place * total
    var sum = 0.0
    var last = 0
    for (index, weight) in weights.enumerated() where weight > 0 {
      sum += Double(weight)
      if sum > target { return ids[index] }
      last = index
    }
    // Rounding may carry the target up to the total.
    return ids[last]
  }

  /// Higher for a larger logit, and for the lower id among equal ones.
  private static func rank(_ logit: Float, _ id: UInt32) -> UInt64 {
    // Bits of binary32 in the order of their numbers; adding 0 makes −0 and +0 one number.
    let bits = (logit + 0).bitPattern
    let ordered = bits >> 31 == 1 ? ~bits : bits | 0x8000_0000
    return UInt64(ordered) << 32 | UInt64(~id)
  }

  private static func logit(ofRank rank: UInt64?) -> Float {
    guard let rank else { return -.infinity }
    let ordered = UInt32(rank >> 32)
    return Float(bitPattern: ordered >> 31 == 1 ? ordered & 0x7FFF_FFFF : ~ordered)
  }

  private static func chunk(_ logits: UnsafeBufferPointer<Float>, _ start: Int) -> SIMD16<Float> {
    UnsafeRawBufferPointer(logits).loadUnaligned(
      fromByteOffset: start * MemoryLayout<Float>.stride, as: SIMD16<Float>.self)
  }
}
