import Testing

@testable import EmethNetwork

/// Whom limits of one address are counted for.
@Suite struct ClientNetworkTests {
  @Test(arguments: [
    ("192.0.2.7", "192.0.2.7"), ("local", "local"),
    // All addresses of one network are one client, its neighbours are others.
    ("2001:db8:1:2::1", "20010db800010002::/64"),
    ("2001:db8:1:2:ffff:ffff:ffff:ffff", "20010db800010002::/64"),
    ("2001:db8:1:3::1", "20010db800010003::/64"), ("::1", "0000000000000000::/64"),
    // IPv4 on a socket of both kinds.
    ("::ffff:192.0.2.7", "192.0.2.7"),
  ])
  func addressesAreCountedByTheirNetworks(address: String, name: String) {
    #expect(ClientNetwork.name(of: address) == name)
  }

  @Test func oneNetworkHasSoManyConnections() {
    let gate = ConnectionGate(limit: 2)
    #expect(gate.enter("2001:db8::1") && gate.enter("2001:db8::2") && !gate.enter("2001:db8::3"))
    #expect(gate.enter("2001:db8:0:1::3"), "another network")
    gate.leave("2001:db8::2")
    #expect(gate.enter("2001:db8::3"), "one that has ended makes room")
  }
}
