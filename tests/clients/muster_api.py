"""Muster's messages and calls, as the server describes them by reflection (v1alpha): no file, no generated code."""

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

KINDS = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def connect(address):
    """A connection of its own, which no other channel shares."""
    return grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


class Api:
    """What the server at `address` ("127.0.0.1:7443") serves. Waits for the server."""

    def __init__(self, address):
        self.channel = connect(address)
        grpc.channel_ready_future(self.channel).result()
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def services(self):
        """The full names of all services."""
        return sorted(self.database.get_services())

    def message(self, name):
        """The class of a message of `muster.v1`."""
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"muster.v1.{name}"))

    def method(self, service, name, channel=None):
        """A method of a service of `muster.v1` as a function, whichever of its ends stream."""
        found = self.pool.FindServiceByName(f"muster.v1.{service}").FindMethodByName(name)
        kind = KINDS[found.client_streaming, found.server_streaming]
        return getattr(channel or self.channel, kind)(
            f"/muster.v1.{service}/{name}",
            request_serializer=message_factory.GetMessageClass(found.input_type).SerializeToString,
            response_deserializer=message_factory.GetMessageClass(found.output_type).FromString,
        )
