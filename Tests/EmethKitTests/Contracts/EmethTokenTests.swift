import EmethKit
import Testing

@Suite struct EmethTokenTests {
  private let scene: ContractScene
  private let amount = TokenAmount(holon: 25)

  init() throws { scene = try ContractScene() }

  @Test func selectorsAreThoseOfTheStandard() {
    let known = [
      "0x06fdde03 name()", "0x95d89b41 symbol()", "0x313ce567 decimals()", "0x18160ddd totalSupply()",
      "0x70a08231 balanceOf(address)", "0xdd62ed3e allowance(address,address)",
      "0xa9059cbb transfer(address,uint256)", "0x23b872dd transferFrom(address,address,uint256)",
      "0x095ea7b3 approve(address,uint256)", "0x40c10f19 mint(address,uint256)", "0x42966c68 burn(uint256)",
      "0xfca3b5aa setMinter(address)", "0x8da5cb5b owner()", "0x07546172 minter()",
    ]
    #expect(EmethToken.functions.map { "\($0.selector) \($0.signature)" } == known)
    #expect(
      EmethToken.events.map(\.topic0.description) == [
        "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
        "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925",
      ])
  }

  @Test func callsHoldWhatWasSaid() throws {
    let (node, other) = (ABIValue.address(scene.node), ABIValue.address(scene.other))
    func check<Output>(_ call: ContractCall<Output>, _ arguments: [ABIValue]) throws -> ABIFunction {
      #expect(try call.function.decodeCall(call.data, canonical: true) == arguments)
      return call.function
    }
    let called = [
      try check(EmethToken.name(), []), try check(EmethToken.symbol(), []),
      try check(EmethToken.decimals(), []), try check(EmethToken.totalSupply(), []),
      try check(EmethToken.balance(of: scene.node), [node]),
      try check(EmethToken.allowance(owner: scene.node, spender: scene.other), [node, other]),
      try check(EmethToken.transfer(to: scene.node, amount: amount), [node, .uint(25)]),
      try check(
        EmethToken.transfer(from: scene.node, to: scene.other, amount: amount), [node, other, .uint(25)]),
      try check(EmethToken.approve(spender: scene.other, amount: amount), [other, .uint(25)]),
      try check(EmethToken.mint(to: scene.node, amount: amount), [node, .uint(25)]),
      try check(EmethToken.burn(amount), [.uint(25)]), try check(EmethToken.setMinter(scene.node), [node]),
      try check(EmethToken.owner(), []), try check(EmethToken.minter(), []),
    ]
    #expect(called == EmethToken.functions)
    #expect(try EmethToken.name().result(ABI.encode([.string("Emeth")])) == "Emeth")
    #expect(try EmethToken.decimals().result(ABI.word(18 as UInt256)) == 18)
    #expect(throws: ContractError.self) { try EmethToken.decimals().result(ABI.word(256 as UInt256)) }
    #expect(try EmethToken.balance(of: scene.node).result(ABI.word(25 as UInt256)) == amount)
    #expect(try EmethToken.owner().result(ABI.word(scene.node)) == scene.node)
  }

  @Test func eventsAreRead() throws {
    let mint = try EmethToken.events[0].encode([.address(.zero), .address(scene.node), .uint(25)])
    #expect(
      try EmethToken.Event(topics: mint.topics, data: mint.data)
        == .transfer(from: nil, to: scene.node, amount: amount))
    let burn = try EmethToken.events[0].encode([.address(scene.node), .address(.zero), .uint(25)])
    #expect(
      try EmethToken.Event(topics: burn.topics, data: burn.data)
        == .transfer(from: scene.node, to: nil, amount: amount))
    let approval = try EmethToken.events[1].encode([.address(scene.node), .address(scene.other), .uint(25)])
    #expect(
      try EmethToken.Event(topics: approval.topics, data: approval.data)
        == .approval(owner: scene.node, spender: scene.other, amount: amount))
    #expect(throws: ContractError.unknownEvent(topic0: .zero)) {
      try EmethToken.Event(topics: [.zero], data: [])
    }
    // The same event of an NFT has its third value in a topic.
    #expect(throws: ContractError.self) {
      try EmethToken.Event(topics: mint.topics + [.zero], data: [])
    }
  }
}
