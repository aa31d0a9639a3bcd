/// The tokens of a word of at most 256 bytes while they are merged.
///
/// Places stay what they are, so that nothing has to move: a merged pair's right place becomes dead. The
/// lowest rank is found among the lowest of each block of 16 places.
struct ShortWord: ~Copyable {
  /// The longest word in bytes.
  static let largestCount = 256
  private static let blockBits = 4
  private static let blockSize = 1 << blockBits
  /// The rank of a pair that does not merge, or of a dead place.
  private static let never = Int32.max

  /// The tokens, at first one a byte: written by the caller.
  let tokens = UnsafeMutablePointer<UInt32>.allocate(capacity: largestCount)
  private let next = UnsafeMutablePointer<Int32>.allocate(capacity: largestCount)
  private let previous = UnsafeMutablePointer<Int32>.allocate(capacity: largestCount)
  /// The rank of the pair that begins at each place, and the token it makes.
  private let ranks = UnsafeMutablePointer<Int32>.allocate(capacity: largestCount)
  private let merged = UnsafeMutablePointer<UInt32>.allocate(capacity: largestCount)
  /// The lowest rank of each block.
  private let lowest = UnsafeMutablePointer<Int32>.allocate(capacity: largestCount >> blockBits)

  /// Memory for one word.
  init() {}

  deinit {
    tokens.deallocate()
    next.deallocate()
    previous.deallocate()
    ranks.deallocate()
    merged.deallocate()
    lowest.deallocate()
  }

  /// Merges the first `count` tokens, 2 to ``largestCount``, and appends what is left of them.
  func merge(count: Int, by index: PairIndex, into output: inout [UInt32]) {
    let blocks = (count + Self.blockSize - 1) >> Self.blockBits
    for place in 0..<(blocks << Self.blockBits) { ranks[place] = Self.never }
    for place in 0..<count {
      next[place] = Int32(truncatingIfNeeded: place + 1)
      previous[place] = Int32(truncatingIfNeeded: place - 1)
    }
    for place in 0..<(count - 1) { look(at: place, right: place + 1, by: index) }
    for block in 0..<blocks { lower(block) }
    while let place = lowestPlace(blocks) {
      let right = Int(next[place])
      let after = Int(next[right])
      let before = Int(previous[place])
      tokens[place] = merged[place]
      next[place] = Int32(truncatingIfNeeded: after)
      ranks[right] = Self.never
      if after < count {
        previous[after] = Int32(truncatingIfNeeded: place)
        look(at: place, right: after, by: index)
      } else {
        ranks[place] = Self.never
      }
      let block = place >> Self.blockBits
      if before >= 0 {
        look(at: before, right: place, by: index)
        if before >> Self.blockBits != block { lower(before >> Self.blockBits) }
      }
      lower(block)
      if right >> Self.blockBits != block { lower(right >> Self.blockBits) }
    }
    var place = 0
    while place < count {
      output.append(tokens[place])
      place = Int(next[place])
    }
  }

  @inline(__always)
  private func look(at place: Int, right: Int, by index: PairIndex) {
    let merge = index.merge(tokens[place], tokens[right])
    ranks[place] = merge == PairIndex.none ? Self.never : Int32(truncatingIfNeeded: merge >> 32)
    merged[place] = UInt32(truncatingIfNeeded: merge)
  }

  /// Finds the lowest rank of a block again.
  @inline(__always)
  private func lower(_ block: Int) {
    let first = ranks + (block << Self.blockBits)
    var value = first[0]
    for offset in 1..<Self.blockSize { value = min(value, first[offset]) }
    lowest[block] = value
  }

  /// The leftmost place of the lowest rank, nil when nothing merges.
  @inline(__always)
  private func lowestPlace(_ blocks: Int) -> Int? {
    var (block, rank) = (0, lowest[0])
    for other in 1..<max(1, blocks) where lowest[other] < rank { (block, rank) = (other, lowest[other]) }
    guard rank != Self.never else { return nil }
    var place = block << Self.blockBits
    while ranks[place] != rank { place += 1 }
    return place
  }
}
