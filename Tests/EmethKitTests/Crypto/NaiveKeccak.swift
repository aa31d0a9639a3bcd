/// Keccak-256 step by step as FIPS 202 writes it, with loops and modulo arithmetic.
enum NaiveKeccak {
  static func hash256(_ message: [UInt8]) -> [UInt8] {
    var padded = message + [0x01]
    while padded.count % 136 != 0 { padded.append(0) }
    padded[padded.count - 1] |= 0x80
    var lanes = [[UInt64]](repeating: [UInt64](repeating: 0, count: 5), count: 5)
    for start in stride(from: 0, to: padded.count, by: 136) {
      for index in 0..<17 {
        let word = (0..<8).reduce(UInt64(0)) { $0 | UInt64(padded[start + 8 * index + $1]) << UInt64(8 * $1) }
        lanes[index % 5][index / 5] ^= word
      }
      permute(&lanes)
    }
    return (0..<32).map { UInt8(truncatingIfNeeded: lanes[$0 / 8][0] >> UInt64(8 * ($0 % 8))) }
  }

  private static func permute(_ a: inout [[UInt64]]) {
    var register: UInt8 = 1
    for _ in 0..<24 {
      let parity = (0..<5).map { x in a[x].reduce(0, ^) }
      for x in 0..<5 {
        let change = parity[(x + 4) % 5] ^ rotated(parity[(x + 1) % 5], 1)
        for y in 0..<5 { a[x][y] ^= change }
      }
      var (x, y) = (1, 0)
      var current = a[x][y]
      for t in 0..<24 {
        (x, y) = (y, (2 * x + 3 * y) % 5)
        (current, a[x][y]) = (a[x][y], rotated(current, (t + 1) * (t + 2) / 2 % 64))
      }
      for y in 0..<5 {
        let row = (0..<5).map { a[$0][y] }
        for x in 0..<5 { a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]) }
      }
      for j in 0..<7 {
        if register & 1 == 1 { a[0][0] ^= 1 << ((1 << UInt64(j)) - 1) }
        register = register << 1 ^ (register & 0x80 == 0 ? 0 : 0x71)
      }
    }
  }

  private static func rotated(_ lane: UInt64, _ count: Int) -> UInt64 {
    count == 0 ? lane : lane << UInt64(count) | lane >> UInt64(64 - count)
  }
}
